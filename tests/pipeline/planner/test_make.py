"""This pipeline gives these steps. Nothing is decoded, built or executed: datasets are only opened."""

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.documents.search import Combination
from edgecnn.core.errors import EdgecnnError
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.search import derive
from edgecnn.pipeline.search.space import space_of
from tests.support.plans import add_every_rung, draw, plan_builtin, plan_document

Document = dict[str, Any]

EXPORTED: Document = {
    "model": {"name": "zoo:mobilenetv2"},
    "data": {"calibration": {"source": "PICTURES"}},
    "benchmark": None,
}
TRAINED: Document = {
    "model": {"name": "zoo:mobilenetv2"},
    "data": {"root": "PICTURES"},
    "train": {"epochs": 2},
    "benchmark": None,
}

UNTRAINED_STEPS = """
network
contract <- checkpoint=network
prepare:calibration <- contract=contract
calibration <- images=prepare:calibration
probe <- images=calibration
reference <- checkpoint=network probe=probe
"""
TRAINED_STEPS = """
network
contract <- checkpoint=network
prepare:train <- contract=contract
prepare:eval <- contract=contract
calibration <- images=prepare:train
train <- checkpoint=network train=prepare:train eval=prepare:eval
"""
ANSWERS = """
probe <- images=calibration
reference <- checkpoint=train probe=probe eval=prepare:eval
"""


def verified(target: str, model: str, truth: str, reference: str = "reference", more: str = "") -> str:
    """Return the line of a target's verification."""
    inputs = f"float={truth} model={model} probe=probe reference={reference} contract=contract{more}"
    return f"verify:{target} <- {inputs} gate=links\n"


CASES: dict[str, tuple[Document, str]] = {
    "a float file of a network that came trained": (
        EXPORTED | {"targets": {"onnx-fp32": None}},
        UNTRAINED_STEPS
        + "lower:onnx <- checkpoint=network\ninspect:onnx-fp32 <- model=lower:onnx\n"
        + verified("onnx-fp32", "lower:onnx", "lower:onnx"),
    ),
    "an int8 file, timed beside the float file": (
        EXPORTED | {"targets": {"onnx-int8": None}, "benchmark": {}},
        UNTRAINED_STEPS
        + """
        lower:onnx <- checkpoint=network
        quantize:onnx-int8 <- model=lower:onnx calibration=calibration
        inspect:onnx-int8 <- model=quantize:onnx-int8
        """
        + verified("onnx-int8", "quantize:onnx-int8", "lower:onnx")
        + "benchmark:onnx-int8 <- model=quantize:onnx-int8 baseline=lower:onnx after=verify:onnx-int8",
    ),
    "a trained network, evaluated": (
        TRAINED | {"targets": {"tflite-int8": None}},
        TRAINED_STEPS
        + ANSWERS
        + """
        lower:tflite <- checkpoint=train
        quantize:tflite-int8 <- model=lower:tflite calibration=calibration
        inspect:tflite-int8 <- model=quantize:tflite-int8
        """
        + verified("tflite-int8", "quantize:tflite-int8", "lower:tflite")
        + "evaluate:tflite-int8 <- model=quantize:tflite-int8 images=prepare:eval after=verify:tflite-int8",
    ),
    "two targets of a format share its float file": (
        EXPORTED | {"targets": {"onnx-fp32": None, "onnx-int8": None}},
        UNTRAINED_STEPS
        + "lower:onnx <- checkpoint=network\ninspect:onnx-fp32 <- model=lower:onnx\n"
        + verified("onnx-fp32", "lower:onnx", "lower:onnx")
        + """
        quantize:onnx-int8 <- model=lower:onnx calibration=calibration
        inspect:onnx-int8 <- model=quantize:onnx-int8
        """
        + verified("onnx-int8", "quantize:onnx-int8", "lower:onnx"),
    ),
    "an NPU: compiled, and never timed": (
        EXPORTED | {"targets": {"ethos-u55-128": None}, "benchmark": {}},
        UNTRAINED_STEPS
        + """
        lower:tflite <- checkpoint=network
        quantize:ethos-u55-128 <- model=lower:tflite calibration=calibration
        inspect:ethos-u55-128 <- model=quantize:ethos-u55-128
        compile:ethos-u55-128 <- model=quantize:ethos-u55-128
        """
        + verified("ethos-u55-128", "quantize:ethos-u55-128", "lower:tflite"),
    ),
    "an NPU that is held to steps of its output reads them from the inspection": (
        EXPORTED | {"targets": {"qualcomm-htp": None}},
        UNTRAINED_STEPS
        + """
        lower:onnx <- checkpoint=network
        quantize:qualcomm-htp <- model=lower:onnx calibration=calibration
        inspect:qualcomm-htp <- model=quantize:qualcomm-htp
        compile:qualcomm-htp <- model=quantize:qualcomm-htp
        """
        + verified(
            "qualcomm-htp", "quantize:qualcomm-htp", "lower:onnx", more=" inspection=inspect:qualcomm-htp"
        ),
    ),
    "the rung adaround": (
        EXPORTED | {"targets": {"onnx-int8": {"quantize": {"method": "adaround"}}}},
        UNTRAINED_STEPS
        + """
        adaround:pairs-hwc <- checkpoint=network calibration=calibration
        lower:onnx <- checkpoint=network
        lower:onnx@adaround-pairs-hwc <- checkpoint=adaround:pairs-hwc
        quantize:onnx-int8@adaround <- model=lower:onnx@adaround-pairs-hwc calibration=calibration \
network=adaround:pairs-hwc
        inspect:onnx-int8@adaround <- model=quantize:onnx-int8@adaround
        """
        + verified("onnx-int8@adaround", "quantize:onnx-int8@adaround", "lower:onnx"),
    ),
    "the rung qat, with its control": (
        TRAINED | {"targets": {"onnx-int8": {"quantize": {"method": "qat"}}}},
        TRAINED_STEPS
        + ANSWERS
        + """
        control <- checkpoint=train train=prepare:train calibration=calibration eval=prepare:eval
        reference@control <- checkpoint=control probe=probe eval=prepare:eval
        qat <- checkpoint=train train=prepare:train calibration=calibration eval=prepare:eval
        reference@qat <- checkpoint=qat probe=probe
        lower:onnx <- checkpoint=train
        lower:onnx@qat <- checkpoint=qat
        quantize:onnx-int8@qat <- model=lower:onnx@qat calibration=calibration network=qat
        inspect:onnx-int8@qat <- model=quantize:onnx-int8@qat
        """
        + verified("onnx-int8@qat", "quantize:onnx-int8@qat", "lower:onnx@qat", "reference@qat")
        + "evaluate:onnx-int8@qat <- model=quantize:onnx-int8@qat images=prepare:eval "
        "after=verify:onnx-int8@qat",
    ),
    "pruning without training": (
        EXPORTED | {"prune": {"macs": 0.5, "epochs": 0, "importance": "l2"}, "targets": {"onnx-fp32": None}},
        """
        network
        contract <- checkpoint=network
        prepare:calibration <- contract=contract
        calibration <- images=prepare:calibration
        prune-images <- images=calibration
        prune <- checkpoint=network original=network images=prune-images
        probe <- images=calibration
        reference <- checkpoint=prune probe=probe
        pruned <- last=prune
        lower:onnx <- checkpoint=prune
        inspect:onnx-fp32 <- model=lower:onnx
        """
        + verified("onnx-fp32", "lower:onnx", "lower:onnx"),
    ),
    "pruning in two steps, taught, with a control": (
        TRAINED
        | {
            "prune": {"macs": 0.5, "steps": 2, "epochs": 3, "control": True, "distill": {}},
            "targets": {"onnx-fp32": None},
        },
        TRAINED_STEPS
        + """
        prune-images <- images=prepare:train
        prune:1 <- checkpoint=train original=train images=prune-images
        finetune:1 <- checkpoint=prune:1 train=prepare:train eval=prepare:eval teacher=train
        prune:2 <- checkpoint=finetune:1 original=train images=prune-images
        finetune:2 <- checkpoint=prune:2 train=prepare:train eval=prepare:eval teacher=train
        prune-control <- checkpoint=train train=prepare:train eval=prepare:eval teacher=train
        probe <- images=calibration
        reference <- checkpoint=finetune:2 probe=probe eval=prepare:eval
        reference@unpruned <- checkpoint=train probe=probe eval=prepare:eval
        reference@pruned <- checkpoint=prune:2 probe=probe eval=prepare:eval
        reference@control <- checkpoint=prune-control probe=probe eval=prepare:eval
        pruned <- last=prune:2 unpruned=reference@unpruned pruned=reference@pruned control=reference@control \
eval=prepare:eval finetuned=reference
        lower:onnx <- checkpoint=finetune:2
        inspect:onnx-fp32 <- model=lower:onnx
        """
        + verified("onnx-fp32", "lower:onnx", "lower:onnx")
        + "evaluate:onnx-fp32 <- model=lower:onnx images=prepare:eval after=verify:onnx-fp32",
    ),
}


def _with(document: Any, pictures: Path) -> Any:
    """Return a document with the folder of pictures in the place of its name."""
    if isinstance(document, dict):
        return {key: _with(value, pictures) for key, value in document.items()}
    return str(pictures) if document == "PICTURES" else document


@pytest.mark.parametrize("case", CASES)
def test_a_pipeline_gives_these_steps(case: str, picture_folder: Path) -> None:
    document, expected = CASES[case]
    steps = draw(plan_document(_with(document, picture_folder)))
    assert steps == [line.strip() for line in expected.splitlines() if line.strip()]


def _parameters(plan: Plan, step: str) -> Any:
    return next(known.parameters for known in plan.steps if known.id == step)


def test_parameters_come_from_the_pipeline(picture_folder: Path) -> None:
    document = TRAINED | {
        "data": {"root": "PICTURES", "calibration": {"count": 7, "seed": 3}},
        "preprocessing": {"height": 40, "width": 48},
        "train": {"epochs": 2, "seed": 5},
        "prune": {"macs": 0.6, "steps": 2, "epochs": 3},
        "verification": {"images": 9},
        "targets": {"onnx-int8": {"threads": 2, "quantize": {"ranges": "mse"}}},
    }
    plan = plan_document(_with(document, picture_folder))
    network = _parameters(plan, "network")
    assert (network.classes, network.seed) == (["bars", "disc", "slope"], 5)
    assert network.contract == {"height": 40, "width": 48}
    calibration = _parameters(plan, "calibration")
    assert (calibration.count, calibration.seed) == (7, 3)
    assert _parameters(plan, "probe").count == 9
    assert _parameters(plan, "train").settings.epochs == 2
    assert [_parameters(plan, f"prune:{step}").limit for step in (1, 2)] == pytest.approx([0.8, 0.6])
    assert [_parameters(plan, f"finetune:{step}").window for step in (1, 2)] == [(0, 1), (1, 3)]
    assert _parameters(plan, "quantize:onnx-int8").options["ranges"] == "mse"
    assert _parameters(plan, "evaluate:onnx-int8").threads == 2


def test_a_ladder_adds_what_a_rung_needs_once_for_all_targets(
    picture_folder: Path, boxes_folder: Path
) -> None:
    plan = plan_builtin("quickstart", picture_folder, boxes_folder)
    before = [step.id for step in plan.steps]
    add_every_rung(plan)
    steps = [step.id for step in plan.steps]
    assert steps[: len(before)] == before, "what was planned stands where it stood"
    assert len(steps) == len(set(steps))
    assert draw(plan, rows="lower:tflite@qat") == ["lower:tflite@qat <- checkpoint=qat"]
    rungs = {name: [attempt.rung for attempt in found] for name, found in plan.attempts.items()}
    assert rungs["onnx-fp32"] == ["plain"]
    assert rungs["tflite-int8"] == ["plain", "ranges", "equalize", "adaround", "mixed", "qat"]
    known: set[str] = set()
    for step in plan.steps:
        assert {*step.inputs.values(), *step.after} <= known, f"{step.id} stands before what it reads"
        known.add(step.id)


@pytest.mark.parametrize(
    ("combination", "network", "steps"),
    [
        (Combination(width=0.5, height=24, quantization="int8"), {"width": 0.5}, ["quantize:onnx-int8"]),
        (Combination(width=1.0, height=28, quantization="fp32", macs=0.5), {}, ["prune", "pruned"]),
    ],
)
def test_a_combination_of_the_search_is_planned_as_any_pipeline(
    combination: Combination, network: Document, steps: list[str], picture_folder: Path
) -> None:
    data = (f"data.train={picture_folder}@train", f"data.eval={picture_folder}@held-out")
    pipeline = load_pipeline("quickstart", data)
    content = derive.final(pipeline, space_of(pipeline), combination, {"onnx-int8": 0.8})
    plan = make_plan(derive.as_pipeline(content))
    assert network.items() <= _parameters(plan, "network").arguments.items()
    assert set(steps) <= {step.id for step in plan.steps}
    assert list(plan.attempts) == ["onnx-int8"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"train": {"epochs": 1}, "data": {}}, "data.train names no dataset"),
        ({"data": {}}, "needs real images to estimate its int8 ranges on"),
        ({"data": {}, "targets": {"onnx-fp32": None}}, "no images to verify"),
        ({"data": {}, "prune": {"macs": 0.5, "epochs": 0, "importance": "l2"}}, "pruning needs real images"),
        ({"prune": {"macs": 0.5, "epochs": 1}}, "prune.epochs 1 needs labelled images"),
        ({"model": {"name": "zoo:mobilenetv2", "weights": "gone.pth"}}, "no weights file gone.pth"),
    ],
)
def test_what_cannot_be_planned_is_one_line(document: Document, said: str, picture_folder: Path) -> None:
    content = EXPORTED | {"targets": {"onnx-int8": None}} | document
    with pytest.raises(EdgecnnError, match=said):
        plan_document(_with(content, picture_folder))
