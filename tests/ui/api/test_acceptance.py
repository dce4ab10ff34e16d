"""Accepting a run shows what changes, and asks for --force where something speaks against it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError
from edgecnn.core.store.baseline import read_baseline
from tests.support.gate_runs import compared, only_onnx
from tests.support.tiny_run import hits, write_run


def test_accepting_shows_what_changes_and_needs_force_for_worse_lost_or_failed(
    accepted: Path, tmp_path: Path
) -> None:
    before = accepted.read_text()
    worse = write_run(tmp_path / "worse", measured={"size": 12_000})
    review = edgecnn.review_baseline(worse, out=accepted)
    size = next(row for row in review.changes if row.check == "size")
    assert (size.measured, size.verdict) == ("12 kB", Verdict.FAIL)
    for run, reason in (
        (worse, "worse: onnx-fp32: size 12 kB"),
        (only_onnx(write_run(tmp_path / "less")), "lost: tflite-int8"),
        (write_run(tmp_path / "failed", budgets={"accuracy": "95 %"}), "the run itself fails"),
        (worse / "artifacts" / "onnx-fp32", "worse"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            edgecnn.accept_baseline(run, out=accepted)
        assert "--force" in (caught.value.hint or "")
        assert accepted.read_text() == before
    edgecnn.accept_baseline(worse, out=accepted, force=True)
    assert compared(worse, accepted).passed


def test_a_better_run_and_a_new_target_are_accepted_as_they_are(accepted: Path, tmp_path: Path) -> None:
    better = write_run(tmp_path / "better", right=hits(950))
    review = edgecnn.review_baseline(better, out=accepted)
    assert {row.change for row in review.changes if row.check == "accuracy"} == {"better"}
    edgecnn.accept_baseline(better, out=accepted)
    one = only_onnx(write_run(tmp_path / "one"))
    edgecnn.accept_baseline(one, out=tmp_path / "one.yaml")
    edgecnn.accept_baseline(write_run(tmp_path / "two"), out=tmp_path / "one.yaml")
    assert len(read_baseline(tmp_path / "one.yaml").targets) == 2


def test_the_command_shows_a_table_and_a_dry_run_writes_nothing(accepted: Path, tmp_path: Path) -> None:
    worse = write_run(tmp_path / "worse", measured={"size": 12_000})
    before = accepted.read_text()

    def accept(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edgecnn.ui.cli.main", "baseline", "accept", str(worse)]
        return subprocess.run(
            [*command, "--out", str(accepted), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    dry = accept("--dry-run")
    assert (dry.returncode, accepted.read_text()) == (0, before)
    assert "WORSE" in dry.stdout
    refused = accept()
    assert (refused.returncode, accepted.read_text()) == (2, before)
    assert "WORSE" in refused.stdout
    assert "--force" in refused.stderr
    assert accept("--force").returncode == 0
    assert accepted.read_text() != before
