"""Comparison of two runs or artifacts of the tiny network."""

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.pipeline.compare import compare_artifacts, compare_runs
from tests.support import tiny_models as tiny
from tests.support.tiny_run import hits, inspection, write_artifact, write_run
from tests.ui.api.test_regression import slow_onnx


def test_the_same_run_does_not_differ(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert compare_runs(run, run) == []


def test_values_operations_and_layers_that_changed_are_named(tmp_path: Path) -> None:
    before = write_artifact(tmp_path / "a" / "onnx-fp32", "onnx-fp32")
    after = write_artifact(
        tmp_path / "b" / "onnx-fp32",
        "onnx-fp32",
        model=slow_onnx(tmp_path / "model.onnx"),
        right=hits(800),
        inspection=inspection("onnx", "fp32", {"Conv": 41}),
    )
    changes = compare_runs(before.directory, after.directory)
    found = {(change.kind, change.name): (change.before, change.after) for change in changes}
    assert found["value", "accuracy"] == (0.9, 0.8)
    assert found["operation", "Conv"] == (1, 41)
    assert found["layer", "slow"] == (None, "float32 [3, 3, 5, 5], 900 bytes")
    assert ("layer", "weights") not in found


def test_layers_of_two_precisions_are_laid_side_by_side(tmp_path: Path) -> None:
    float_file = tiny.write_tflite(tmp_path / "model.tflite", quantized=False)
    before = write_artifact(tmp_path / "a" / "x", "tflite-int8", model=float_file)
    after = write_artifact(tmp_path / "b" / "x", "tflite-int8")
    changes = compare_runs(before.directory, after.directory)
    layer = next(change for change in changes if change.name == "weights")
    assert (layer.before, layer.after) == (
        "float32 [5, 8, 8, 3], 3840 bytes",
        "int8 [5, 8, 8, 3], 960 bytes",
    )


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    with pytest.raises(InputError, match="neither a run nor an artifact"):
        compare_runs(run, tmp_path)
    artifacts = [run / "artifacts" / name for name in ("onnx-fp32", "tflite-int8")]
    with pytest.raises(InputError, match="no target in common: onnx-fp32 and tflite-int8"):
        compare_runs(*artifacts)


def test_a_target_that_only_one_run_has_is_named(tmp_path: Path) -> None:
    artifacts = {name: write_artifact(tmp_path / name, name) for name in ("onnx-fp32", "tflite-int8")}
    fewer = {"onnx-fp32": artifacts["onnx-fp32"]}
    (lost,) = compare_artifacts(artifacts, fewer)
    assert (lost.target, lost.kind, lost.before, lost.after) == ("tflite-int8", "target", "there", None)
    (gained,) = compare_artifacts(fewer, artifacts)
    assert (gained.before, gained.after) == (None, "there")


def test_two_artifacts_of_one_format_may_have_different_targets(tmp_path: Path) -> None:
    before = write_artifact(tmp_path / "before", "onnx-fp32")
    after = write_artifact(tmp_path / "after", "onnx-fp32", measured={"accuracy": 0.5})
    (change,) = compare_artifacts({"one": before}, {"other": after})
    assert (change.target, change.name, change.after) == ("one to onnx-fp32", "accuracy", 0.5)
