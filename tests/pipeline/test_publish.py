"""The end of a target, on outputs written by hand: the manifest, the verdict, the ladder and the gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.config.target import Target
from edgecnn.core.errors import BudgetMissed, InputError, VerificationFailed
from edgecnn.core.store.digest import digest_tree
from edgecnn.data.prepared import PreparedSet
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.gates import Gate, check_gate
from edgecnn.pipeline.ladder import choose_attempt, climb, judge_ladder
from edgecnn.pipeline.manifest_builder import build_manifest
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.publish import TargetResult, judge_target, publish
from edgecnn.pipeline.stages import evaluate, quantize, reference
from edgecnn.pipeline.stages.outputs import write_outputs
from edgecnn.pipeline.step import Status, StepResult
from tests.support import tiny_models as tiny
from tests.support.plans import plan_document
from tests.support.tiny_run import link
from tests.support.tiny_steps import Results, finished, record_again, write_links


def planned(
    picture_folder: Path, target: str = "onnx-fp32", *, eval_set: bool = False, **budgets: Any
) -> Plan:
    data = {"train": str(picture_folder)} | ({"eval": str(picture_folder)} if eval_set else {})
    return plan_document(
        {
            "model": {"name": "zoo:mobilenetv2"},
            "data": data,
            "targets": {target: None},
            "budgets": {"*": budgets},
            "benchmark": None,
        }
    )


def outputs_of(plan: Plan, results: Results) -> AttemptOutputs:
    ((attempt,),) = plan.attempts.values()
    return AttemptOutputs(plan, attempt, results)


def published(plan: Plan, target: Target, results: Results, folder: Path) -> TargetResult:
    """Publish a target under ``yes`` if it ships, else under ``no``."""
    return publish(judge_target(plan, target, results), folder / "yes", folder / "no")


def test_the_manifest_holds_the_files_and_what_the_steps_recorded(
    picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder, "tflite-int8")
    outputs = outputs_of(plan, finished(plan, tmp_path))
    manifest = build_manifest(outputs, [link()], [])
    assert list(manifest.files) == ["model.tflite"], "notes of the quantizer are no part of the artifact"
    assert manifest.size_bytes == (tmp_path / "quantize-tflite-int8" / "model.tflite").stat().st_size
    assert manifest.quantization == {"scheme": "int8"}
    assert manifest.classes == ["cat", "dog"]
    assert manifest.tools == {"numpy": "2"}
    assert manifest.costs["quantize"].wall_s == 1.5
    assert (manifest.metrics, manifest.latency, manifest.npu, manifest.answers) == (None, None, None, None)
    origin = manifest.source.to_json()
    assert origin["checkpoint"] == digest_tree(outputs.folder(plan.checkpoint))
    assert origin["float"]["key"] == "key of lower:tflite"


def test_a_float_file_has_no_origin_in_the_store_and_no_notes(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder)
    outputs = outputs_of(plan, finished(plan, tmp_path))
    manifest = build_manifest(outputs, [link()], [])
    assert outputs.origins() == {}
    assert manifest.quantization == {}


def test_a_target_whose_links_and_budgets_hold_ships(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder, size="1 MB")
    results = finished(plan, tmp_path / "steps")
    (target,) = plan.pipeline.targets.values()
    (tmp_path / "no").mkdir()
    made = published(plan, target, results, tmp_path)
    assert made.ships
    assert made.artifact == tmp_path / "yes"
    assert not (tmp_path / "no").exists(), "the artifact that an earlier run rejected is gone"


@pytest.mark.parametrize(
    ("sqnr_db", "size", "kind", "said"),
    [
        (99.0, "100 B", BudgetMissed, "size"),
        (3.0, "1 MB", VerificationFailed, "conversion"),
        (3.0, "100 B", BudgetMissed, "size"),
    ],
)
def test_a_missed_budget_or_a_broken_link_rejects_the_artifact(
    sqnr_db: float, size: str, kind: type[Exception], said: str, picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder, size=size)
    results = finished(plan, tmp_path / "steps", link(sqnr_db))
    (target,) = plan.pipeline.targets.values()
    made = published(plan, target, results, tmp_path)
    assert isinstance(made.error, kind)
    assert said in str(made.error)
    assert made.artifact == tmp_path / "no"
    assert not (tmp_path / "yes").exists()


def test_a_failed_step_leaves_no_artifact_and_its_error(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder)
    results = finished(plan, tmp_path / "steps")
    broken = results["lower:onnx"]
    results["lower:onnx"] = StepResult(broken.step, Status.FAILED, None, InputError("no form for it"))
    (target,) = plan.pipeline.targets.values()
    made = published(plan, target, results, tmp_path)
    assert (made.artifact, made.manifest) == (None, None)
    assert str(made.error) == "no form for it"
    (rung,) = judge_ladder(plan, target.name, results)
    assert (rung.met, rung.note) == (False, "no form for it")


def test_the_ladder_is_not_climbed_where_nothing_asks_for_accuracy(
    picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder, "tflite-int8", size="1 MB")
    results = finished(plan, tmp_path)
    assert not climb(plan, "tflite-int8", results)
    (rung,) = judge_ladder(plan, "tflite-int8", results)
    assert (rung.rung, rung.met, rung.value) == ("plain", True, None)
    assert choose_attempt(plan, "tflite-int8", results) is plan.attempts["tflite-int8"][0]


def test_an_attempt_costs_the_seconds_of_its_own_steps(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder, "tflite-int8")
    outputs = outputs_of(plan, finished(plan, tmp_path))
    assert outputs.seconds() == 1.5 * len(outputs.attempt.steps)


def rewritten(plan: Plan, results: Results, **changes: Any) -> None:
    """Change what inspection read back from the file of a plan's only attempt."""
    outputs = outputs_of(plan, results)
    seen = outputs.inspection().model_copy(update=changes)
    step = outputs.attempt.step("inspect")
    (outputs.folder(step) / quantize.INSPECTION).write_text(seen.model_dump_json())
    record_again(results, step)


@pytest.mark.parametrize(
    ("target", "share", "precision", "budgets", "floor"),
    [
        ("onnx-int8", 0.79, "mixed", {}, "80.00 %"),
        ("onnx-int8", 0.0, "fp32", {}, "80.00 %"),
        ("onnx-int8", 0.99, "mixed", {"float_ops": 0}, "100.00 %"),
        ("onnx-int8", None, "mixed", {}, "80.00 %"),
        ("onnx-int8", None, "fp32", {}, "80.00 %"),
        ("onnx-int8", 0.5, "mixed", {"integer_macs": "60 %"}, "60.00 %"),
        ("tflite-int8", 0.9, "mixed", {}, "100.00 %"),
    ],
)
def test_an_int8_target_whose_file_computes_in_float_is_rejected_and_the_layers_are_named(
    target: str,
    share: float | None,
    precision: str,
    budgets: dict[str, Any],
    floor: str,
    picture_folder: Path,
    tmp_path: Path,
) -> None:
    plan = planned(picture_folder, target, **budgets)
    results = finished(plan, tmp_path / "steps")
    rewritten(plan, results, integer_macs=share, precision=precision, float_op_names=("stem", "head"))
    made = publish(
        judge_target(plan, plan.pipeline.targets[target], results), tmp_path / "yes", tmp_path / "no"
    )
    assert isinstance(made.error, BudgetMissed)
    assert f"(at least {floor})" in str(made.error)
    hint = str(made.error.hint)
    assert "stem, head" in hint or "needs what measures it" in hint
    assert "diagnose" not in hint


def test_an_int8_target_whose_first_layers_stay_in_float_ships(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder, "onnx-int8")
    results = finished(plan, tmp_path / "steps")
    rewritten(plan, results, integer_macs=0.8, precision="mixed")
    made = publish(
        judge_target(plan, plan.pipeline.targets["onnx-int8"], results), tmp_path / "yes", tmp_path / "no"
    )
    assert made.ships
    assert made.manifest is not None
    assert [result.name for result in made.manifest.budgets] == ["integer_macs"]


def test_a_float_target_whose_file_has_another_precision_is_rejected(
    picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder)
    results = finished(plan, tmp_path / "steps")
    rewritten(plan, results, precision="fp16")
    made = publish(
        judge_target(plan, plan.pipeline.targets["onnx-fp32"], results), tmp_path / "yes", tmp_path / "no"
    )
    assert isinstance(made.error, VerificationFailed)
    assert "computes in fp16, and the target says fp32" in str(made.error)


def answered(plan: Plan, results: Results, *, float_right: int, int8_right: int) -> None:
    """Write an evaluation set of ten images and how many of them fp32 and the int8 file have right."""
    labels = np.arange(10, dtype=np.int64) % 2
    sets = results["prepare:eval"].entry
    truth, shipped = results["reference"].entry, results["evaluate:tflite-int8"].entry
    assert sets is not None
    assert truth is not None
    assert shipped is not None
    PreparedSet.write(
        sets.outputs,
        np.zeros((10, tiny.CONTRACT.height, tiny.CONTRACT.width, tiny.CONTRACT.channels), np.uint8),
        labels,
        classes=("cat", "dog"),
        names=tuple(map(str, labels)),
        contract=tiny.CONTRACT,
    )
    for folder, right in ((truth.outputs / reference.EVAL, float_right), (shipped.outputs, int8_right)):
        answers = np.where(np.arange(10) < right, labels, 1 - labels)
        folder.mkdir(exist_ok=True)
        write_outputs(folder, [np.eye(2, dtype=np.float32)[answers]])
    took = {"images": 10, "seconds": 1.0, "images_per_second": 10.0, "peak_bytes": 1}
    (shipped.outputs / evaluate.RESULT).write_text(json.dumps(took))
    record_again(results, "prepare:eval", "reference", "evaluate:tflite-int8")


@pytest.mark.parametrize(
    ("budgets", "float_right", "int8_right", "climbs"),
    [
        ({"accuracy": "80 %"}, 9, 7, True),
        ({"accuracy": "80 %"}, 7, 7, False),
        ({"accuracy": "80 %"}, 7, 9, False),
        ({"accuracy": "80 %", "class_floor": "99 %"}, 9, 7, False),
        ({"accuracy_drop": "1 %"}, 5, 3, True),
    ],
)
def test_the_ladder_ends_at_once_where_the_float_network_itself_misses_a_budget(
    budgets: dict[str, str],
    float_right: int,
    int8_right: int,
    climbs: bool,
    picture_folder: Path,
    tmp_path: Path,
) -> None:
    plan = planned(picture_folder, "tflite-int8", eval_set=True, **budgets)
    results = finished(plan, tmp_path / "steps")
    answered(plan, results, float_right=float_right, int8_right=int8_right)
    assert climb(plan, "tflite-int8", results) is climbs


def test_a_budget_that_the_float_network_misses_is_named_with_its_value(
    picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder, "tflite-int8", eval_set=True, accuracy="80 %", size="100 B")
    results = finished(plan, tmp_path / "steps")
    answered(plan, results, float_right=7, int8_right=7)
    made = publish(
        judge_target(plan, plan.pipeline.targets["tflite-int8"], results), tmp_path / "yes", tmp_path / "no"
    )
    assert isinstance(made.error, BudgetMissed)
    assert "the float network itself has accuracy 70.00 %, so no further rung was tried" in str(made.error)
    assert "train it longer, or lower the budget" in str(made.error.hint)
    assert "smaller width" in str(made.error.hint)


def test_the_gate_holds_back_what_builds_on_a_broken_link(tmp_path: Path) -> None:
    write_links(tmp_path, link())
    check_gate(Gate.LINKS, tmp_path)
    write_links(tmp_path, link(3.0))
    with pytest.raises(VerificationFailed, match="conversion"):
        check_gate(Gate.LINKS, tmp_path)
