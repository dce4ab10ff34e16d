"""The end of a target, on outputs written by hand: the manifest, the verdict, the ladder and the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import BudgetMissed, InputError, VerificationFailed
from edgecnn.core.store.digest import digest_tree
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.gates import Gate, check_gate
from edgecnn.pipeline.ladder import choose_attempt, climb, judge_ladder
from edgecnn.pipeline.manifest_builder import build_manifest
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.publish import publish
from edgecnn.pipeline.step import Status, StepResult
from tests.support.plans import plan_document
from tests.support.tiny_run import link
from tests.support.tiny_steps import Results, finished, write_links


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
    write_links(tmp_path, link())
    check_gate(Gate.LINKS, tmp_path)
    write_links(tmp_path, link(3.0))
    with pytest.raises(VerificationFailed, match="conversion"):
        check_gate(Gate.LINKS, tmp_path)
