"""A run or an artifact of the tiny network is judged again from what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError, UsageError
from edgecnn.pipeline.check import check_artifacts
from tests.support.tiny_run import link, write_artifact, write_run


def budgets(folder: Path, text: str) -> Path:
    file = folder / "budgets.yaml"
    file.write_text(f"budgets: {text}\n")
    return file


def test_links_and_budgets_are_rows_of_their_target(tmp_path: Path) -> None:
    found = check_artifacts(write_run(tmp_path / "run", budgets={"accuracy": 0.95, "size": "1 MB"}))
    assert not found.passed
    assert [(row.target, row.kind, row.check) for row in found.failed] == [
        ("onnx-fp32", "budget", "accuracy"),
        ("tflite-int8", "budget", "accuracy"),
    ]
    tried = [row.check for row in found.rows if row.target == "onnx-fp32" and row.kind == "link"]
    assert tried == ["link 1 (conversion)", "link 4 (task)"]
    (size,) = [row for row in found.rows if row.target == "onnx-fp32" and row.check == "size"]
    assert (size.verdict, size.limit) == (Verdict.PASS, "1 MB")


def test_other_budgets_replace_those_of_the_artifact(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32", budgets={"accuracy": 0.95}).directory
    looser = budgets(tmp_path, '{"*": {accuracy: 80 %}}')
    assert check_artifacts(artifact, budgets=looser).passed
    stricter = budgets(tmp_path, "{onnx-fp32: {size: 100 B}}")
    assert [row.check for row in check_artifacts(artifact, budgets=stricter).failed] == ["size"]


def test_a_link_that_was_missed_says_by_how_much(tmp_path: Path) -> None:
    missed = Link(
        number=2,
        name="quantization",
        compared="a with b",
        metrics={"sqnr_db": 3.25, "other": 1.0},
        limits={"sqnr_db": Bound(at_least=8.0), "other": Bound(at_most=2.0)},
        cause="its weights were lost",
    )
    chain = [link(), missed, link(number=3, name="kernels"), link(number=4, name="task")]
    (row,) = check_artifacts(
        write_artifact(tmp_path / "a", "tflite-int8", verification=chain).directory
    ).failed
    assert (row.check, row.measured, row.note) == (
        "link 2 (quantization)",
        "sqnr_db 3.25",
        "its weights were lost",
    )
    assert "8" in str(row.limit)


def test_a_budget_on_what_nobody_measured_fails(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8", budgets={"cycles": 10}).directory
    (row,) = check_artifacts(artifact).failed
    assert (row.check, row.verdict, row.measured) == ("cycles", Verdict.FAIL, "not measured")


def test_a_manifest_without_its_digest_counts_only_where_it_is_strict(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "onnx-fp32").directory
    document = json.loads((artifact / "manifest.json").read_text())
    del document["manifest_digest"]
    (artifact / "manifest.json").write_text(json.dumps(document))
    loose, strict = check_artifacts(artifact), check_artifacts(artifact, strict=True)
    (row,) = [row for row in loose.rows if row.check == "digest of the manifest"]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert (loose.passed, strict.passed) == (True, False)


def test_only_some_targets_are_checked_where_they_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    found = check_artifacts(run, only=["tflite-int8"])
    assert {row.target for row in found.rows} == {"tflite-int8"}
    with pytest.raises(UsageError, match=r"no target 'vela'.* there are onnx-fp32, tflite-int8"):
        check_artifacts(run, only=["vela"])


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a run nor an artifact"):
        check_artifacts(tmp_path)
    artifact = write_artifact(tmp_path / "a", "onnx-fp32")
    artifact.model.write_bytes(artifact.model.read_bytes() + b"\0")
    with pytest.raises(InputError, match=r"was changed|differs"):
        check_artifacts(artifact.directory)
