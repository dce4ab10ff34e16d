"""Tests of accepted baselines: the file, its checksum, and the artifacts that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.baseline import (
    accept,
    baseline_artifact,
    keep,
    read_baseline,
    require_same_model,
    write_baseline,
)
from edgecnn.core.store.manifest import Artifact
from tests.support.tiny_run import write_artifact


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Artifact]:
    """The artifacts of a run, with a home of the test's own."""
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    return {name: write_artifact(tmp_path / name, name) for name in ("onnx-fp32", "tflite-int8")}


def test_what_was_accepted_is_read_back(found: dict[str, Artifact], tmp_path: Path) -> None:
    file = tmp_path / "gate" / "tiny.yaml"
    accepted = accept(found, file, artifacts=tmp_path / "gate" / "kept")
    baseline = read_baseline(file)
    assert (accepted.name, baseline.name, baseline.artifacts) == ("tiny", "tiny", "kept")
    for name, artifact in found.items():
        assert baseline.targets[name].files == artifact.manifest.files
        kept = baseline_artifact(baseline, file, name)
        assert str(kept.directory) == accepted.artifacts[name]
        assert kept.manifest == artifact.manifest
    write_baseline(baseline, tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == file.read_bytes()


def test_a_folder_is_not_replaced_by_a_baseline(found: dict[str, Artifact], tmp_path: Path) -> None:
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    with pytest.raises(InputError, match="photos is no file, so it is not replaced by one"):
        accept(found, tmp_path / "photos", artifacts=None)
    assert (tmp_path / "photos" / "sub").is_dir()


def test_a_changed_value_is_noticed(found: dict[str, Artifact], tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    accept(found, file, artifacts=None)
    file.write_text(file.read_text().replace("accuracy: 0.9", "accuracy: 0.1"))
    with pytest.raises(InputError, match="was changed after it was accepted"):
        read_baseline(file)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("name: tiny", InputError, "it has no schema_version"),
        ("schema_version: 999", InputError, "has baseline schema 999"),
        ("- a list", UsageError, "is no baseline"),
    ],
)
def test_what_is_no_baseline_is_refused(
    tmp_path: Path, content: str, error: type[Exception], message: str
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(content)
    with pytest.raises(error, match=message):
        read_baseline(file)


def test_a_missing_baseline_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder and no baseline"):
        read_baseline(tmp_path)
    with pytest.raises(InputError, match="there is no baseline"):
        read_baseline(tmp_path / "none.yaml")


def test_artifacts_lie_below_the_file(found: dict[str, Artifact], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not lie below"):
        accept(found, tmp_path / "gate" / "tiny.yaml", artifacts=tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_the_baseline_of_another_model_is_not_written_over(
    found: dict[str, Artifact], tmp_path: Path
) -> None:
    file = tmp_path / "tiny.yaml"
    require_same_model(found, file)
    accept(found, file, artifacts=None)
    require_same_model(found, file)
    other = {"onnx-fp32": write_artifact(tmp_path / "other", "onnx-fp32", name="small")}
    with pytest.raises(InputError, match="is the baseline of 'tiny', not of 'small'"):
        require_same_model(other, file)


def test_a_damaged_copy_is_made_again(found: dict[str, Artifact], tmp_path: Path) -> None:
    artifact = found["onnx-fp32"]
    kept = keep(artifact, tmp_path / "kept")
    (kept / artifact.manifest.model).write_bytes(b"damaged")
    assert keep(artifact, tmp_path / "kept") == kept
    assert Artifact.open(kept).manifest == artifact.manifest


def test_a_lost_artifact_is_named_with_what_helps(found: dict[str, Artifact], tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    accepted = accept(found, file, artifacts=None)
    Path(accepted.artifacts["onnx-fp32"]).rename(tmp_path / "moved")
    with pytest.raises(InputError, match="the accepted artifact of onnx-fp32 is not at") as caught:
        baseline_artifact(read_baseline(file), file, "onnx-fp32")
    assert "--no-latency" in (caught.value.hint or "")
