"""The gate has no holes: what a run lacks, what nobody measured, and what would be accepted unseen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import edgecnn
from edgecnn.core.documents.source import ModelOrigin
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError, UsageError, VerificationFailed
from edgecnn.core.store.baseline import read_baseline, write_baseline
from edgecnn.core.store.manifest import Artifact
from edgecnn.models.detection_network import detection
from edgecnn.pipeline.regression_rows import Tolerances
from tests.support import tiny_detector
from tests.support.gate_runs import compared, only_onnx, other_onnx, quantized, row
from tests.support.tiny_run import hits, link, write_artifact, write_run


def test_a_target_that_the_run_lacks_fails_even_if_one_is_left(accepted: Path, tmp_path: Path) -> None:
    run = only_onnx(write_run(tmp_path / "run"))
    result = compared(run, accepted)
    assert [(row.target, row.check) for row in result.failed] == [("tflite-int8", "made")]
    assert result.exit_code == 3
    restricted = compared(run, accepted, only=["onnx-fp32"])
    assert restricted.passed
    assert restricted.note == "not compared: tflite-int8 (--only)"
    with pytest.raises(UsageError, match="no target 'onnx-fp33' to check; there are onnx-fp32"):
        compared(run, accepted, only=["onnx-fp33"])


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (0.7, Verdict.PASS),
        (0.0, Verdict.FAIL),
        (0.5, Verdict.FAIL),
        (0.68, Verdict.PASS),
        (0.9, Verdict.PASS),
    ],
)
def test_the_worst_class_is_compared_with_the_accepted_one(
    tmp_path: Path, now: float, verdict: Verdict
) -> None:
    file = tmp_path / "b.yaml"
    edgecnn.accept_baseline(write_run(tmp_path / "a", measured={"class_floor": 0.7, "top5": 0.99}), out=file)
    run = write_run(tmp_path / "run", measured={"class_floor": now, "top5": 0.99})
    result = compared(run, file)
    assert row(result, "class_floor").verdict is verdict
    assert row(result, "top-5").verdict is Verdict.PASS
    assert result.passed is (verdict is Verdict.PASS)


def test_a_metric_of_the_task_that_only_one_side_has_is_said(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    with_floor: dict[str, Any] = {"measured": {"class_floor": 0.7}}
    model = other_onnx(tmp_path / "other.onnx")
    edgecnn.accept_baseline(write_run(tmp_path / "a", **with_floor), out=file)
    artifact = tmp_path / "run" / "onnx-fp32"
    write_artifact(artifact, "onnx-fp32", model=model)
    lost = row(compared(artifact, file), "class_floor")
    assert (lost.verdict, lost.measured) == (Verdict.FAIL, "not measured")
    edgecnn.accept_baseline(write_run(tmp_path / "before"), out=file, force=True)
    new = tmp_path / "new" / "onnx-fp32"
    write_artifact(new, "onnx-fp32", model=model, **with_floor)
    assert row(compared(new, file), "class_floor").verdict is Verdict.INCONCLUSIVE


def test_an_artifact_alone_is_compared_alone_and_says_so(accepted: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    result = compared(run / "artifacts" / "onnx-fp32", accepted)
    assert result.passed
    assert result.note.startswith("not compared: tflite-int8 (an artifact was checked")
    assert compared(run, accepted).note == ""
    assert "not compared with a baseline" in edgecnn.check(run).note


def test_a_device_without_a_baseline_times_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on qemu:none nothing is timed without a baseline"):
        edgecnn.check(write_run(tmp_path / "run"), device="qemu:none")


def test_the_same_file_holds_without_being_measured(tmp_path: Path) -> None:
    few = hits(90, 100)
    edgecnn.accept_baseline(write_run(tmp_path / "a", right=few), out=tmp_path / "b.yaml")
    again = write_run(tmp_path / "run", right=few)
    result = edgecnn.check(again, baseline=tmp_path / "b.yaml", strict=True)
    assert result.passed, [str(row) for row in result.failed]
    assert (row(result, "latency").measured, row(result, "latency").verdict) == ("not timed", Verdict.PASS)
    assert "the same file" in row(result, "accuracy").note


def test_damage_that_the_accuracy_does_not_show_fails(of_quantized: Path, tmp_path: Path) -> None:
    assert compared(quantized(tmp_path / "near", sqnr_db=33.1, agreement=0.989), of_quantized).passed
    less = compared(quantized(tmp_path / "less", sqnr_db=31.0), of_quantized)
    assert [row.check for row in less.failed] == ["SQNR of link 2", "SQNR of link 3"]
    other = compared(quantized(tmp_path / "other", agreement=0.95), of_quantized)
    assert [row.check for row in other.failed] == ["agreement"]
    assert "of 10000 images" in row(other, "agreement").note
    generous = Tolerances(sqnr_db=10.0)
    assert compared(tmp_path / "less", of_quantized, tolerances=generous).passed


def test_fewer_calibration_images_fail(of_quantized: Path, tmp_path: Path) -> None:
    result = compared(quantized(tmp_path / "few", images=8), of_quantized)
    (failed,) = result.failed
    assert (failed.check, failed.before, failed.measured) == ("calibration images", "200", "8")
    assert compared(quantized(tmp_path / "more", images=500), of_quantized).passed


def test_a_baseline_of_an_older_version_opens_and_says_what_it_lacks(
    of_quantized: Path, tmp_path: Path
) -> None:
    data = yaml.safe_load(of_quantized.read_text())
    for key in ("task", "checksum"):
        del data[key]
    for target in data["targets"].values():
        for key in ("fidelity", "terms", "calibration"):
            del target[key]
    of_quantized.write_text(yaml.safe_dump(data))
    run = quantized(tmp_path / "run", sqnr_db=12.0)
    result = compared(run, of_quantized, strict=True)
    assert row(result, "SQNR of link 2").note == "not in the baseline: accept it anew"
    assert row(result, "agreement").verdict is Verdict.INCONCLUSIVE
    assert [found.check for found in result.failed] == ["checksum of the baseline"]
    assert compared(run, of_quantized).passed


def test_an_artifact_in_another_targets_place_is_refused(accepted: Path, tmp_path: Path) -> None:
    """A float file that ships as int8 would pass every check of its own."""
    run = write_run(tmp_path / "run")
    shutil.rmtree(run / "artifacts" / "tflite-int8")
    shutil.copytree(run / "artifacts" / "onnx-fp32", run / "artifacts" / "tflite-int8")
    for use in (
        lambda: compared(run, accepted),
        lambda: edgecnn.accept_baseline(run, out=tmp_path / "b.yaml"),
        lambda: edgecnn.package(run, "raspberry-pi", target="tflite-int8", out=tmp_path / "out"),
        lambda: edgecnn.package(run, "raspberry-pi", out=tmp_path / "out"),
    ):
        with pytest.raises(InputError, match="holds the artifact of target 'onnx-fp32'"):
            use()


def test_artifacts_of_two_networks_are_no_run(accepted: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_artifact(run / "artifacts" / "tflite-int8", "tflite-int8", classes=["a", "b"])
    with pytest.raises(InputError, match="holds artifacts of several networks"):
        compared(run, accepted)


def test_an_artifact_of_another_run_is_noticed(accepted: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    digests = {
        target: Artifact.open(run / "artifacts" / target).manifest.manifest_digest
        for target in ("onnx-fp32", "tflite-int8")
    }
    listed = [
        {"target": target, "error": None, "manifest_digest": digest} for target, digest in digests.items()
    ]
    (run / "summary.json").write_text(json.dumps({"targets": listed}))
    assert compared(run, accepted).passed
    write_artifact(run / "artifacts" / "tflite-int8", "tflite-int8", right=hits(899))
    for use in (
        lambda: compared(run, accepted),
        lambda: edgecnn.accept_baseline(run, out=tmp_path / "b.yaml"),
        lambda: edgecnn.package(run, "raspberry-pi", out=tmp_path / "out"),
    ):
        with pytest.raises(InputError, match=r"is not what the run in .* published"):
            use()


@pytest.mark.parametrize(
    ("target", "left", "missing"),
    [("onnx-fp32", [], [1, 4]), ("onnx-fp32", [1], [4]), ("tflite-int8", [1, 4], [2, 3])],
)
def test_links_that_are_missing_are_no_proof(
    tmp_path: Path, target: str, left: list[int], missing: list[int]
) -> None:
    chain = [link(number=number) for number in left]
    artifact = write_artifact(tmp_path / target, target, verification=chain).directory
    assert [found.check for found in edgecnn.check(artifact).failed] == [f"link {n}" for n in missing]
    with pytest.raises(InputError, match=r"the run itself fails: .* link .* not measured"):
        edgecnn.accept_baseline(artifact, out=tmp_path / "b.yaml")
    with pytest.raises(VerificationFailed, match=f"link {missing[0]} was not proven"):
        edgecnn.package(artifact, "raspberry-pi", out=tmp_path / "out")


def test_an_imported_network_needs_its_import_proven(tmp_path: Path) -> None:
    source = ModelOrigin(builder="onnx:net.onnx")
    artifact = write_artifact(tmp_path / "a", "onnx-fp32", source=source).directory
    assert [found.check for found in edgecnn.check(artifact).failed] == ["link 0"]


def test_a_manifest_without_its_digest_proves_nothing(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    manifest = artifact.directory / "manifest.json"
    data = json.loads(manifest.read_text())
    del data["manifest_digest"]
    manifest.write_text(json.dumps(data))
    result = edgecnn.check(artifact.directory, strict=True)
    assert [found.check for found in result.failed] == ["digest of the manifest"]
    assert edgecnn.check(artifact.directory).passed
    with pytest.raises(InputError, match="its manifest has no digest"):
        edgecnn.accept_baseline(artifact.directory, out=tmp_path / "b.yaml")


def test_other_terms_are_not_compared(of_quantized: Path, tmp_path: Path) -> None:
    run = quantized(tmp_path / "run")
    baseline = read_baseline(of_quantized)
    (name, target), *_ = baseline.targets.items()
    assert target.terms is not None
    terms = target.terms.model_copy(update={"threads": 4, "isa": "arm64"})
    changed = {name: target.model_copy(update={"terms": terms})}
    write_baseline(baseline.model_copy(update={"targets": changed}), of_quantized)
    assert {(row.check, row.before) for row in compared(run, of_quantized).failed} == {
        ("threads", "4"),
        ("isa", "arm64"),
    }


def test_a_baseline_of_another_task_or_changed_by_hand_is_refused(accepted: Path, tmp_path: Path) -> None:
    detector = write_run(tmp_path / "boxes", task=detection(tiny_detector.DETECTOR))
    with pytest.raises(InputError, match="is the baseline of 'tiny' for classification"):
        compared(detector, accepted)
    accepted.write_text(accepted.read_text().replace("accuracy: 0.9", "accuracy: 0.1"))
    with pytest.raises(InputError, match="was changed after it was accepted"):
        compared(write_run(tmp_path / "run"), accepted)


def test_a_renamed_target_fails_on_both_names_and_is_recognized(accepted: Path, tmp_path: Path) -> None:
    baseline = read_baseline(accepted)
    targets = {f"old-{name}": target for name, target in baseline.targets.items()}
    write_baseline(baseline.model_copy(update={"targets": targets}), accepted)
    failed = compared(write_run(tmp_path / "run"), accepted).failed
    assert {row.target for row in failed} == {*targets, *baseline.targets}
    assert "the same file as old-onnx-fp32" in failed[0].note


def test_two_targets_may_have_the_same_file(accepted: Path, tmp_path: Path) -> None:
    baseline = read_baseline(accepted)
    twin = baseline.targets["onnx-fp32"]
    write_baseline(baseline.model_copy(update={"targets": baseline.targets | {"twin": twin}}), accepted)
    failed = compared(write_run(tmp_path / "run"), accepted).failed
    assert [(row.target, row.check) for row in failed] == [("twin", "made")]
