"""The end of a target, on outputs written by hand: the manifest, the verdict, the ladder and the gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.documents.inspection import OpenModel
from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.documents.step_record import StepCost, StepRecord
from edgecnn.core.errors import BudgetMissed, InputError, VerificationFailed
from edgecnn.core.store.store import Entry
from edgecnn.devices.host import host
from edgecnn.models.spec import ModelSpec
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.gates import Gate, check_gate
from edgecnn.pipeline.ladder import choose_attempt, climb, judge_ladder
from edgecnn.pipeline.manifest_builder import build_manifest
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.publish import publish
from edgecnn.pipeline.stages import quantize, verify
from edgecnn.pipeline.step import Status, StepResult
from tests.support import tiny_models as tiny
from tests.support import tiny_run
from tests.support.plans import plan_document

Results = dict[str, StepResult]


def link(sqnr_db: float = 99.0) -> Link:
    return Link(
        number=1,
        name="conversion",
        compared="one file with another",
        metrics={"sqnr_db": sqnr_db},
        limits={"sqnr_db": Bound(at_least=60.0)},
    )


def planned(picture_folder: Path, target: str = "onnx-fp32", **budgets: Any) -> Plan:
    return plan_document(
        {
            "model": {"name": "zoo:mobilenetv2"},
            "data": {"train": str(picture_folder)},
            "targets": {target: None},
            "budgets": {"*": budgets},
            "benchmark": None,
        }
    )


def finished(plan: Plan, folder: Path, found: Link | None = None) -> Results:
    """Return results of all steps of a plan, whose outputs are written by hand."""
    (attempt,) = next(iter(plan.attempts.values()))
    form, precision = attempt.target.format, attempt.target.precision
    spec = ModelSpec(builder="zoo:mobilenetv2", contract=tiny.CONTRACT, classes=("cat", "dog"))
    opened = OpenModel(
        runtime="onnxruntime",
        version="1",
        execution="shipping",
        threads=1,
        providers=(),
        inputs=(),
        outputs=(),
    )
    seen = tiny_run.inspection(form, precision, {"Conv": 1})
    writers: Mapping[str, Callable[[Path], object]] = {
        plan.checkpoint: lambda out: (out / "spec.json").write_text(json.dumps(spec.to_json())),
        "lower:onnx": lambda out: tiny.write_onnx(out / "model.onnx"),
        "lower:tflite": lambda out: tiny.write_tflite(out / "model.tflite", quantized=False),
        attempt.step("quantize"): _quantized,
        attempt.step("inspect"): lambda out: (out / quantize.INSPECTION).write_text(seen.model_dump_json()),
        attempt.step("verify"): lambda out: _verified(out, found or link(), opened),
    }
    results = {}
    for step in plan.steps:
        outputs = folder / step.id.replace(":", "-")
        outputs.mkdir(parents=True)
        if step.id in writers:
            writers[step.id](outputs)
        record = StepRecord(
            step=step.id,
            stage=step.stage.name,
            packages={"numpy": "2"},
            costs={step.stage.name: StepCost(wall_s=1.5)},
            host=host(),
        )
        entry = Entry(f"key of {step.id}", outputs, f"digest of {step.id}", record)
        results[step.id] = StepResult(step, Status.MADE, entry)
    return results


def _quantized(out: Path) -> None:
    tiny.write_tflite(out / "model.tflite", quantized=True)
    (out / quantize.NOTES).write_text(json.dumps({"scheme": "int8"}))


def _verified(out: Path, found: Link, opened: OpenModel) -> None:
    (out / verify.RESULT).write_text(json.dumps([found.to_json()]))
    (out / verify.RUNTIME).write_text(opened.model_dump_json())


def outputs_of(plan: Plan, results: Results) -> AttemptOutputs:
    ((attempt,),) = plan.attempts.values()
    return AttemptOutputs(plan, attempt, results)


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
    assert origin["checkpoint"] == f"digest of {plan.checkpoint}"
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
    made = publish(plan, target, results, tmp_path / "yes", tmp_path / "no")
    assert made.ships
    assert made.artifact == tmp_path / "yes"
    assert not (tmp_path / "no").exists(), "the artifact that an earlier run rejected is gone"


@pytest.mark.parametrize(
    ("sqnr_db", "size", "kind", "said"),
    [
        (99.0, "10 B", BudgetMissed, "size"),
        (3.0, "1 MB", VerificationFailed, "conversion"),
        (3.0, "10 B", BudgetMissed, "size"),
    ],
)
def test_a_missed_budget_or_a_broken_link_rejects_the_artifact(
    sqnr_db: float, size: str, kind: type[Exception], said: str, picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder, size=size)
    results = finished(plan, tmp_path / "steps", link(sqnr_db))
    (target,) = plan.pipeline.targets.values()
    made = publish(plan, target, results, tmp_path / "yes", tmp_path / "no")
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
    made = publish(plan, target, results, tmp_path / "yes", tmp_path / "no")
    assert (made.artifact, made.manifest) == (None, None)
    assert str(made.error) == "no form for it"
    (rung,) = judge_ladder(plan, target.name, results)
    assert (rung.met, rung.note) == (False, "no form for it")


def test_the_ladder_is_not_climbed_where_nothing_asks_for_accuracy(
    picture_folder: Path, tmp_path: Path
) -> None:
    plan = planned(picture_folder, "tflite-int8", size="1 MB")
    results = finished(plan, tmp_path)
    assert not climb(plan, results)
    (rung,) = judge_ladder(plan, "tflite-int8", results)
    assert (rung.rung, rung.met, rung.value) == ("plain", True, None)
    assert choose_attempt(plan, "tflite-int8", results) is plan.attempts["tflite-int8"][0]


def test_an_attempt_costs_the_seconds_of_its_own_steps(picture_folder: Path, tmp_path: Path) -> None:
    plan = planned(picture_folder, "tflite-int8")
    outputs = outputs_of(plan, finished(plan, tmp_path))
    assert outputs.seconds() == 1.5 * len(outputs.attempt.steps)


def test_the_gate_holds_back_what_builds_on_a_broken_link(tmp_path: Path) -> None:
    result = tmp_path / verify.RESULT
    result.write_text(json.dumps([link().to_json()]))
    check_gate(Gate.LINKS, tmp_path)
    result.write_text(json.dumps([link(3.0).to_json()]))
    with pytest.raises(VerificationFailed, match="conversion"):
        check_gate(Gate.LINKS, tmp_path)
