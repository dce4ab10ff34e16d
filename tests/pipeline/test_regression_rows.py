"""Tests of the comparison of a target with its accepted values, row by row."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.documents.check import CheckRow
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError
from edgecnn.core.store.baseline import record
from edgecnn.core.store.manifest import Artifact
from edgecnn.pipeline.regression_metrics import agreement_tolerance
from edgecnn.pipeline.regression_rows import SAME_FILE, Tolerances, count_tolerance, target_rows
from tests.support.tiny_run import hits, write_artifact


def rows(before: Artifact, after: Artifact, tolerances: Tolerances | None = None) -> dict[str, CheckRow]:
    """Return the rows of a comparison by the names of their checks."""
    found = target_rows(after.manifest, record(before.manifest), tolerances or Tolerances())
    return {row.check: row for row in found}


def written(folder: Path, *, other: bool = False, **changes: Any) -> Artifact:
    """Write an artifact of the tiny network, whose file has other bytes on demand."""
    artifact = write_artifact(folder, "onnx-fp32", **changes)
    if not other:
        return artifact
    files = {name: digest[::-1] for name, digest in artifact.manifest.files.items()}
    return Artifact(artifact.directory, artifact.manifest.model_copy(update={"files": files}))


def test_nothing_fails_of_the_same_artifact(tmp_path: Path) -> None:
    accepted = written(tmp_path / "a")
    found = rows(accepted, accepted)
    assert {row.verdict for row in found.values()} == {Verdict.PASS}
    assert {"size", "float_ops", "transposes", "SQNR of link 1"} <= found.keys()


def test_more_of_what_is_counted_is_a_regression_and_less_is_not(tmp_path: Path) -> None:
    before = written(tmp_path / "a", measured={"transposes": 3})
    more = written(tmp_path / "more", measured={"transposes": 4}, other=True)
    less = written(tmp_path / "less", measured={"transposes": 2}, other=True)
    assert rows(before, more)["transposes"].verdict is Verdict.FAIL
    assert rows(before, less)["transposes"].verdict is Verdict.PASS


def test_a_file_may_grow_by_the_tolerance_and_not_by_a_byte_more(tmp_path: Path) -> None:
    before = written(tmp_path / "a", measured={"size": 10_000})
    for grown, verdict in ((1000, Verdict.PASS), (1001, Verdict.FAIL)):
        after = written(tmp_path / str(grown), measured={"size": 10_000 + grown}, other=True)
        size = rows(before, after)["size"]
        assert (size.verdict, size.note) == (verdict, f"+{grown} bytes")


def test_what_only_one_side_counted_fails_unless_the_file_is_the_same(tmp_path: Path) -> None:
    before = written(tmp_path / "a", measured={"arena": 500})
    lost = rows(before, written(tmp_path / "b", other=True))["arena"]
    assert (lost.verdict, lost.note) == (Verdict.FAIL, "the run does not have it")
    held = rows(before, written(tmp_path / "c"))["arena"]
    assert held.verdict is Verdict.PASS
    assert held.note.startswith(SAME_FILE)


def test_answers_to_other_images_are_not_compared(tmp_path: Path) -> None:
    before = written(tmp_path / "a")
    worse = written(tmp_path / "b", right=hits(700), other=True)
    found = {row.measured: row for row in rows(before, worse).values() if row.verdict is Verdict.FAIL}
    assert list(found) == ["70.00 %"]
    other = {"images": 8, "digest": "others", "hits": "/w=="}
    row = rows(before, written(tmp_path / "c", answers=other, other=True))["accuracy"]
    assert (row.verdict, row.change) == (Verdict.FAIL, "other")
    assert "other images" in row.note


def test_a_clear_loss_on_other_images_is_a_loss(tmp_path: Path) -> None:
    before = written(tmp_path / "a", measured={"accuracy": 0.9})
    other = {"images": 1000, "digest": "others", "hits": ""}
    row = rows(before, written(tmp_path / "c", answers=other, other=True, measured={"accuracy": 0.8}))[
        "accuracy"
    ]
    assert (row.verdict, row.change, row.before, row.measured) == (
        Verdict.FAIL,
        "measured",
        "90.00 %",
        "80.00 %",
    )
    row = rows(before, written(tmp_path / "d", answers=other, other=True, measured={"accuracy": 0.89}))[
        "accuracy"
    ]
    assert row.change == "other"


def test_a_file_with_the_same_bytes_and_other_preprocessing_is_not_the_same(tmp_path: Path) -> None:
    before = written(tmp_path / "a", measured={"arena": 500})
    contract = before.manifest.contract
    after = written(tmp_path / "b", contract={**contract, "color": "bgr"})
    found = rows(before, after)
    changed = found["preprocessing.color"]
    assert (changed.verdict, changed.before, changed.measured) == (Verdict.FAIL, "rgb", "bgr")
    assert found["arena"].verdict is Verdict.FAIL, "what was not measured does not hold"


@pytest.mark.parametrize(("digest", "same"), [("photos", True), ("others", False)])
def test_an_older_baseline_knows_its_preprocessing_by_the_images(
    digest: str, same: bool, tmp_path: Path
) -> None:
    old = written(tmp_path / "a").manifest
    assert old.answers is not None
    answers = old.answers.model_copy(update={"digest": "photos"})
    older = record(old).model_copy(update={"preprocessing": None, "answers": answers})
    now = old.model_copy(update={"answers": answers.model_copy(update={"digest": digest})})
    assert older.is_same(now) is same


@pytest.mark.parametrize(("instructions", "tolerance"), [(0, 100), (1_000_000, 100), (2_000_000, 200)])
def test_a_count_of_instructions_may_vary_a_little(instructions: float, tolerance: float) -> None:
    assert count_tolerance(instructions) == pytest.approx(tolerance)


@pytest.mark.parametrize(
    "wrong", [{"latency_ratio": 0.0}, {"accuracy": 2.0}, {"size_bytes": -1}, {"latency_ratio": math.nan}]
)
def test_tolerances_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="cannot be tolerances"):
        Tolerances(**wrong)  # type: ignore[arg-type]


def test_another_choice_of_calibration_images_is_no_regression() -> None:
    """Every file of 200 images is compared with every other of its target, as they were measured."""
    results = Path(__file__).parents[2] / "benchmarks" / "results" / "calibration-sets.json"
    rows = json.loads(results.read_text())["rows"]
    tolerances = Tolerances()
    full = [row for row in rows if row["images"] == 200]
    assert len(full) == 8
    for before in full:
        for after in (row for row in full if row["target"] == before["target"]):
            for ratio in ("quantization_sqnr_db", "shipping_sqnr_db"):
                assert before[ratio] - after[ratio] <= tolerances.sqnr_db
            loss = before["agreement"] - after["agreement"]
            images = before["evaluated"]
            assert loss <= agreement_tolerance(before["agreement"], images, tolerances.accuracy)
