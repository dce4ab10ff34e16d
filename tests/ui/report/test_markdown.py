"""Tests of a run's Markdown, on summaries that runs have written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.documents.run import MadeTarget, RunSummary
from edgecnn.core.store.runs import summary_text
from edgecnn.ui.report.markdown import run_markdown, table, write_run

GOLDEN = Path(__file__).parents[2] / "core" / "documents" / "golden"
SUMMARIES = sorted(GOLDEN.glob("summary-*.json"))


def summary_of(path: Path) -> RunSummary:
    """Return the summary in a file."""
    return RunSummary.from_json(json.loads(path.read_text(encoding="utf-8")), path.name)


def test_a_cell_cannot_end_its_row_or_its_column() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines")]) == "| a | b |\n|---|---|\n| x\\|y | two lines |"


@pytest.mark.parametrize("path", SUMMARIES, ids=lambda path: path.stem)
def test_every_made_target_has_its_links_and_every_other_its_error(path: Path) -> None:
    summary = summary_of(path)
    text = run_markdown(summary)
    assert text.startswith(f"# {summary.name}\n\n")
    assert f"of {len(summary.targets)} targets ship" in text
    for target in summary.targets:
        assert (f"### {target.target}\n" in text) is isinstance(target, MadeTarget)
        if target.error is not None:
            assert f"- **{target.target}**: {target.error.message}" in text
    assert ("## Pruning" in text) is (summary.pruning is not None)
    assert ("## Training" in text) is (summary.training is not None)


def test_the_files_of_a_run_are_written_and_read_back(tmp_path: Path) -> None:
    summary = summary_of(GOLDEN / "summary-run.json")
    write_run(summary, tmp_path)
    assert (tmp_path / "summary.md").read_text() == run_markdown(summary)
    assert (tmp_path / "summary.json").read_text() == summary_text(summary)
    curves = summary.pruning is not None and summary.pruning.sensitivity is not None
    assert (tmp_path / "sensitivity.svg").exists() is curves
