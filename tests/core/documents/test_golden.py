"""Files that earlier versions wrote still open, and are written again as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.documents.advice import Advice
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.run import RunSummary
from edgecnn.core.documents.search import SearchResult
from edgecnn.core.store.baseline import read_baseline
from edgecnn.core.task import with_task
from edgecnn.ui.report.advice import advice_markdown
from edgecnn.ui.report.markdown import run_markdown
from edgecnn.ui.report.search import search_markdown

GOLDEN = Path(__file__).parent / "golden"
MANIFESTS = sorted(GOLDEN.glob("manifest-*.json"))
SUMMARIES = sorted(GOLDEN.glob("summary-*.json"))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_opens_and_is_written_as_it_was(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    manifest = Manifest.from_json(data, path.name)
    assert json.loads(manifest.model_dump_json()) == manifest.to_json() == with_task(data)


@pytest.mark.parametrize("path", SUMMARIES, ids=lambda path: path.stem)
def test_a_runs_summary_opens_is_written_as_it_was_and_can_be_reported(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    summary = RunSummary.from_json(data, path.name)
    assert json.loads(summary.model_dump_json()) == data
    markdown = run_markdown(summary)
    assert all(target.target in markdown for target in summary.targets)


def test_advice_opens_is_written_as_it_was_and_can_be_reported() -> None:
    data = json.loads((GOLDEN / "advice.json").read_text(encoding="utf-8"))
    advice = Advice.from_json(data)
    assert json.loads(advice.model_dump_json()) == advice.to_json() == data
    markdown = advice_markdown(advice)
    assert all(trial.change.name in markdown for trial in advice.trials)
    assert "not compiled: the network cannot be converted" in markdown


def test_a_search_opens_is_written_as_it_was_and_can_be_reported() -> None:
    data = json.loads((GOLDEN / "search.json").read_text(encoding="utf-8"))
    result = SearchResult.from_json(data)
    assert json.loads(result.model_dump_json()) == result.to_json() == data
    assert json.dumps(result.space.to_json()) == json.dumps(data["space"]), (
        "a study has a digest of these bytes"
    )
    assert result.exit_code == 0
    markdown = search_markdown(result)
    assert "| 0.25 | 32 | 100% | int8 | onnx-int8 | 6 | +1.67 | 0.924 | 291 kB | winner |" in markdown
    assert all(trial.verdict in markdown for trial in result.trials if trial != result.winner)


def test_a_baseline_opens() -> None:
    baseline = read_baseline(GOLDEN / "baseline.yaml")
    assert sorted(baseline.targets) == ["onnx-fp32", "onnx-int8"]
    accepted = baseline.targets["onnx-int8"]
    assert accepted.measured.value("size") == 291_375
    assert accepted.answers is not None
    assert (accepted.answers.images, set(accepted.answers.of_task)) == (60, {"hits"})
