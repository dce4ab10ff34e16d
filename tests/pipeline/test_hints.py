"""What a user is told to do about a missed budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.documents.verdict import Verdict
from edgecnn.pipeline.hints import hint_of
from tests.support.tiny_run import write_artifact


def missed(name: str, measured: float | None = 0.5) -> BudgetResult:
    return BudgetResult(name=name, limit=1, measured=measured, verdict=Verdict.FAIL)


def hint(folder: Path, target: str, *names: str, float_missed: tuple[str, ...] = ()) -> str:
    manifest = write_artifact(folder / "artifact", target).manifest
    seen = manifest.inspection.model_copy(
        update={"float_op_names": ("a", "b", "c", "d"), "transpose_names": ("t",)}
    )
    manifest = manifest.model_copy(update={"inspection": seen})
    return hint_of([missed(name) for name in names], [missed(name) for name in float_missed], manifest)


def is_no_accuracy(name: str) -> bool:
    return name not in ("accuracy", "accuracy_drop", "ap50", "ap50_drop", "class_floor")


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("size", "onnx-fp32", "int8 target"),
        ("size", "tflite-int8", "prune"),
        ("accuracy", "tflite-int8", "diagnose"),
        ("accuracy_drop", "tflite-int8", "qat"),
        ("ap50", "tflite-int8", "diagnose"),
        ("class_floor", "tflite-int8", "diagnose"),
        ("unpruned_drop", "tflite-int8", "prune less"),
        ("latency_ratio", "tflite-int8", "isa and threads"),
        ("latency", "tflite-int8", "isa and threads"),
        ("memory", "tflite-int8", "width"),
        ("transposes", "tflite-int8", "layouts change at t:"),
        ("float_ops", "tflite-int8", "in float are a, b, c and 1 more"),
        ("integer_macs", "tflite-int8", "in float are a, b, c and 1 more"),
        ("cpu_ops", "tflite-int8", "inspect"),
    ],
)
def test_a_hint_fits_the_metric(name: str, target: str, said: str, tmp_path: Path) -> None:
    found = hint(tmp_path, target, name)
    assert said in found
    if is_no_accuracy(name):
        assert "diagnose" not in found


def test_every_budget_has_a_hint_of_its_own(tmp_path: Path) -> None:
    general = hint(tmp_path, "tflite-int8", "unheard of")
    for name in set(BUDGETS) - {"baseline_latency_ratio"}:
        assert hint(tmp_path / name, "tflite-int8", name) != general


def test_a_hint_is_given_once_and_training_where_no_quantization_helps(tmp_path: Path) -> None:
    found = hint(tmp_path, "tflite-int8", "accuracy", "accuracy_drop", "size", float_missed=("accuracy",))
    assert found.count("diagnose") == 1
    assert "train it longer" in found


def test_what_was_not_measured_names_what_measures_it(tmp_path: Path) -> None:
    manifest = write_artifact(tmp_path / "artifact", "onnx-fp32").manifest
    assert "`benchmark`" in hint_of([missed("latency_ratio", None)], [], manifest)
    assert "data.eval" in hint_of([missed("accuracy", None)], [], manifest)
