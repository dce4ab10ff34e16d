"""Runtimes of several versions: what is refused, and, in `make test-all`, two real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import MissingDependency, UsageError
from edgecnn.devices.versions import parse_versions
from tests.support.boxes_data import write_voc
from tests.support.tiny_run import write_artifact, write_detector_artifact


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    "text",
    [
        *("onnxruntime", "onnxruntime==", "onnxruntime==1.2;rm", "onnxruntime==../x", "tosa==1.0"),
        *("onnxruntime==1.0,", "onnxruntime>=1.0", "==1.0"),
    ],
)
def test_what_names_no_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"names no versions|cannot be had in versions"):
        parse_versions(text)


def test_nothing_is_downloaded_unasked(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    with pytest.raises(MissingDependency, match=r"onnxruntime==1\.22\.0 is not installed") as caught:
        edgecnn.matrix(artifact.directory, ["onnxruntime==1.22.0,1.32.0"])
    assert "--install" in (caught.value.hint or "")
    assert not (tmp_path / "home").exists()


def test_a_runtime_that_does_not_run_the_file_is_refused(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    with pytest.raises(UsageError, match="does not run onnx files"):
        edgecnn.matrix(artifact.directory, ["litert==2.1.0,2.3.0"])
    with pytest.raises(UsageError, match="one version alone"):
        edgecnn.matrix(artifact.directory, ["onnxruntime==1.22.0"])


@pytest.mark.slow
def test_two_real_versions_are_compared_and_a_version_that_is_not_there_is_named(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    result = edgecnn.matrix(
        artifact.directory, ["onnxruntime==1.22.0,1.32.0"], install=True, latency_limit=10.0, seconds=1.0
    )
    assert [row.runtime for row in result.rows] == ["onnxruntime==1.22.0", "onnxruntime==1.32.0"]
    assert result.rows[1].verdict is Verdict.PASS
    assert result.rows[1].latency is not None
    assert (result.rows[1].max_abs or 0.0) < 1e-4
    with pytest.raises(MissingDependency, match=r"onnxruntime==0\.0\.1 could not be installed"):
        edgecnn.matrix(artifact.directory, ["onnxruntime==0.0.1,1.32.0"], install=True)


@pytest.mark.slow
def test_a_detector_is_paired_between_two_runtimes_of_its_format(tmp_path: Path) -> None:
    artifact = write_detector_artifact(tmp_path, ["cat", "dog"])
    result = edgecnn.matrix(
        artifact.directory,
        ["tflite-runtime==2.14.0", "litert==2.3.0"],
        data=str(write_voc(tmp_path / "data", 6)),
        install=True,
        latency_limit=100.0,
        seconds=1.0,
    )
    row = result.rows[1]
    assert row.error is None
    assert row.agreement is not None
    assert row.agreement > 0.9
    assert (row.accuracy is None) == (row.max_abs == 0.0), f"the outputs differ by {row.max_abs}"
