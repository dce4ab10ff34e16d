"""Tests of the comparison of a runtime's versions; no other version is installed for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import MissingDependency, UsageError
from edgecnn.devices.host import host
from edgecnn.devices.versions import parse_versions
from edgecnn.pipeline.matrix import MatrixResult, MatrixRow, check_versions, compare_versions
from edgecnn.proof.accuracy.paired import compare_accuracy
from edgecnn.proof.latency.latency_test import Effort
from tests.support.tiny_run import hits, write_artifact


def row(right: int | None = None, *, images: int = 10_000, error: str | None = None) -> MatrixRow:
    """Return the row of a version that was right so often; the first was right on nine of ten images."""
    truth = hits(9 * images // 10, images)
    accuracy = None if right is None else compare_accuracy(hits(right, images), truth)
    return MatrixRow(runtime="onnxruntime==1", error=error, accuracy=accuracy)


@pytest.mark.parametrize(
    ("found", "verdict", "code"),
    [
        (row(), Verdict.PASS, 0),
        (row(9_000), Verdict.PASS, 0),
        (row(8_000), Verdict.FAIL, 4),
        (row(9, images=10), Verdict.INCONCLUSIVE, 0),
        (row(error="it crashed"), Verdict.FAIL, 4),
    ],
)
def test_a_version_that_breaks_the_artifact_ends_with_a_code_of_its_own(
    found: MatrixRow, verdict: Verdict, code: int
) -> None:
    assert found.verdict is verdict
    assert found.is_broken is (code == 4)
    assert MatrixResult(artifact="tiny", rows=(row(), found), host=host()).exit_code == code


def test_a_result_is_read_back_with_its_verdicts() -> None:
    result = MatrixResult(artifact="tiny", rows=(row(9_000), row(8_000)), host=host())
    data = result.to_json()
    assert [item["verdict"] for item in data["rows"]] == ["pass", "fail"]
    assert MatrixResult.from_json(data).to_json() == data


def test_versions_must_be_several_and_of_a_runtime_for_the_file(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    check_versions(artifact, parse_versions("onnxruntime==1.20.1,1.22.0"))
    with pytest.raises(UsageError, match="one version alone"):
        check_versions(artifact, parse_versions("onnxruntime==1.20.1"))
    with pytest.raises(UsageError, match=r"litert==2\.1\.0 does not run onnx files"):
        check_versions(artifact, parse_versions("litert==2.1.0,2.3.0"))


def test_a_version_that_is_not_installed_is_named_before_anything_is_executed(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    with pytest.raises(MissingDependency, match=r"onnxruntime==1\.20\.1"):
        compare_versions(
            artifact, parse_versions("onnxruntime==1.20.1,1.22.0"), latency_limit=1.0, effort=Effort()
        )
