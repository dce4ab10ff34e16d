import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.core.documents.accuracy import TaskMetrics
from edgecnn.core.errors import UsageError
from edgecnn.core.store import entry
from edgecnn.core.store.digest import digest_file
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.run import RunResult
from edgecnn.pipeline.step import Status
from tests.ui.api.conftest import corrupt

TARGETS = [
    "onnx-fp32",
    "onnx-int8",
    "tflite-fp32",
    "tflite-fp16",
    "tflite-int8",
    "openvino-fp16",
    "openvino-int8",
]


def artifact(finished: RunResult, name: str) -> Artifact:
    return Artifact.open(finished.directory / "artifacts" / name)


def test_every_target_ships(finished: RunResult) -> None:
    errors = {target.target: str(target.error) for target in finished.targets if target.error}
    assert not errors
    assert [target.target for target in finished.targets] == TARGETS
    assert finished.exit_code == 0


def metrics(finished: RunResult, name: str) -> TaskMetrics:
    """Return the task metrics in an artifact's manifest."""
    found = artifact(finished, name).manifest.metrics
    assert found is not None, f"{name} was not evaluated"
    return found


@pytest.mark.parametrize("name", TARGETS)
def test_the_manifest_holds_what_was_proven(finished: RunResult, name: str) -> None:
    manifest = artifact(finished, name).manifest
    assert manifest.precision == name.rpartition("-")[2], "the precision read back from the file"
    links = [1, 4] if name.endswith("fp32") else [1, 2, 3, 4]
    assert [link.number for link in manifest.verification] == links
    assert all(link.passed for link in manifest.verification)
    assert metrics(finished, name).n == 60
    assert metrics(finished, name).value > 0.8, "the network learned to tell bars, discs and slopes apart"
    assert manifest.latency is not None
    assert manifest.latency.ratio > 0
    assert manifest.host is not None
    assert manifest.host.isa
    assert manifest.classes == ["bars", "disc", "slope"]
    assert bool(manifest.quantization) != name.endswith("fp32")


def test_int8_files_are_integer_throughout(finished: RunResult) -> None:
    for name in ("onnx-int8", "tflite-int8", "openvino-int8"):
        manifest = artifact(finished, name).manifest
        assert manifest.inspection.float_ops == 0, f"{name} computes in float somewhere"
    tensors = artifact(finished, "tflite-int8").manifest.inspection
    assert tensors.transposes == 0
    assert [tensor.dtype for tensor in (*tensors.inputs, *tensors.outputs)] == ["int8", "int8"]


def test_int8_weights_are_smaller(finished: RunResult) -> None:
    pairs = (
        ("onnx", "fp32", "model.onnx"),
        ("tflite", "fp32", "model.tflite"),
        ("openvino", "fp16", "model.bin"),
    )
    for family, other, file in pairs:  # an int8 IR's XML outgrows a small network's weights
        small = (artifact(finished, f"{family}-int8").directory / file).stat().st_size
        large = (artifact(finished, f"{family}-{other}").directory / file).stat().st_size
        assert small < 0.75 * large, f"{family}: {small} bytes of int8 against {large} of {other}"


def test_the_run_describes_itself(finished: RunResult) -> None:
    summary = json.loads((finished.directory / "summary.json").read_text())
    assert {target["target"] for target in summary["targets"]} == set(TARGETS)
    assert len(summary["training"]["history"]) == 20
    text = (finished.directory / "summary.md").read_text()
    assert all(f"### {name}" in text for name in TARGETS)
    assert (finished.directory / "checkpoint" / "spec.json").is_file()
    assert edgecnn.check(finished.directory).passed


def test_a_second_run_reuses_everything(finished: RunResult, pipeline_file: Path, tmp_path: Path) -> None:
    again = edgecnn.run(str(pipeline_file), out=tmp_path / "again")
    made = [result.step.id for result in again.steps if result.status is not Status.REUSED]
    assert made == []
    for name in TARGETS:
        assert artifact(again, name).manifest == artifact(finished, name).manifest


def test_a_reused_run_reads_every_stored_file_once(
    finished: RunResult, pipeline_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[Path] = Counter()

    def counting(path: Path) -> str:
        read[path] += 1
        return digest_file(path)

    monkeypatch.setattr(entry, "digest_file", counting)
    monkeypatch.setattr(entry, "_read", {})  # as in a new process
    again = edgecnn.run(str(pipeline_file), out=tmp_path / "again")
    assert again.exit_code == finished.exit_code
    assert set(read.values()) == {1}, "reading files twice is what makes an unchanged run slow"
    shipped = [result.entry for result in again.steps if result.step.id.startswith(("quantize:", "lower:"))]
    assert all(found is not None and found.outputs in {path.parent for path in read} for found in shipped)


def test_changing_one_targets_option_redoes_that_target_only(
    finished: RunResult, pipeline_file: Path, tmp_path: Path
) -> None:
    changed = edgecnn.run(str(pipeline_file), ("targets.onnx-int8.threads=2",), out=tmp_path / "changed")
    made = {result.step.id for result in changed.steps if result.status is Status.MADE}
    assert made == {"verify:onnx-int8", "evaluate:onnx-int8", "benchmark:onnx-int8"}


def test_a_missed_budget_keeps_the_artifact_from_shipping(
    finished: RunResult, pipeline_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tight"
    result = edgecnn.run(str(pipeline_file), ("budgets.onnx-int8={size: 10 kB}",), out=out)
    assert result.exit_code == 3
    error = result.error
    assert error is not None
    assert error.message.startswith("onnx-int8: size ")
    assert not (out / "artifacts" / "onnx-int8").exists()
    assert (out / "rejected" / "onnx-int8" / "manifest.json").is_file()
    check = edgecnn.check(out)
    assert (check.passed, check.exit_code) == (False, 3)


def test_an_unmeasured_budget_is_missed(finished: RunResult, pipeline_file: Path, tmp_path: Path) -> None:
    overrides = ("benchmark=null", "budgets.onnx-fp32={latency_ratio: 2.0}")
    result = edgecnn.run(str(pipeline_file), overrides, out=tmp_path / "unmeasured")
    assert result.exit_code == 3
    assert "latency_ratio not measured" in str(result.error)


def test_a_broken_link_is_exit_code_4_with_its_two_numbers(
    finished: RunResult, pipeline_file: Path, tmp_path: Path
) -> None:
    pinned = "targets.tflite-int8.quantize.method=plain"  # or every rung would be climbed
    overrides = (pinned, "targets.tflite-int8.verification.quantization_sqnr_db=99")
    result = edgecnn.run(str(pipeline_file), overrides, out=tmp_path / "broken")
    assert result.exit_code == 4
    broken = next(target for target in result.targets if target.target == "tflite-int8")
    assert "link 2 (quantization) is broken" in str(broken.error)
    assert "(at least 99)" in str(broken.error)
    assert all(target.ships for target in result.targets if target.target != "tflite-int8")
    assert edgecnn.check(tmp_path / "broken").exit_code == 4


def test_an_artifact_evaluates_to_the_manifests_metric(finished: RunResult, photos: Path) -> None:
    for name in ("onnx-int8", "tflite-int8", "openvino-int8"):
        result = edgecnn.evaluate(artifact(finished, name).directory, str(photos))
        assert result.value == pytest.approx(metrics(finished, name).value)
        assert result.n == 60
        assert result.warnings == artifact(finished, name).manifest.warnings


def test_a_classifier_has_no_boxes_to_draw(finished: RunResult, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only a detector's boxes can be drawn"):
        edgecnn.evaluate(finished.directory / "artifacts" / "onnx-fp32", str(photos), draw=tmp_path)


def test_artifacts_are_timed_side_by_side(finished: RunResult) -> None:
    folder = finished.directory / "artifacts"
    result = edgecnn.bench([folder / "onnx-fp32", folder / "tflite-int8"], seconds=0.5, processes=1)
    assert [row.compared is None for row in result.rows] == [True, False]
    assert all(row.latency.p50_ns > 0 for row in result.rows)


def test_a_tampered_artifact_is_refused_everywhere(finished: RunResult, photos: Path, tmp_path: Path) -> None:
    source = artifact(finished, "tflite-int8")
    copy = tmp_path / "tampered"
    copy.mkdir()
    for path in source.directory.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    data = bytearray((copy / "model.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.tflite").write_bytes(bytes(data))
    for verb in (edgecnn.check, edgecnn.inspect, lambda path: edgecnn.evaluate(path, str(photos))):
        with pytest.raises(edgecnn.core.errors.InputError, match="was changed since it was verified"):
            verb(copy)


def test_a_corrupt_image_is_named_or_skipped_as_the_pipeline_says(
    finished: RunResult, pipeline_file: Path, photos: Path, tmp_path: Path
) -> None:
    damaged = corrupt(photos, tmp_path / "damaged")
    only = (f"data.eval={damaged}", "targets=[onnx-fp32]", "benchmark=null")
    result = edgecnn.run(str(pipeline_file), only, out=tmp_path / "refused")
    assert result.exit_code == 2
    assert "disc/03.png" in str(result.error)
    result = edgecnn.run(str(pipeline_file), (*only, "data.bad_images=skip"), out=tmp_path / "skipped")
    assert result.exit_code == 0
    assert metrics(result, "onnx-fp32").n == 59


def test_outputs_of_all_runtimes_agree_on_real_classes(finished: RunResult) -> None:
    values = [metrics(finished, name).agreement for name in TARGETS]
    assert np.min(values) > 0.9
