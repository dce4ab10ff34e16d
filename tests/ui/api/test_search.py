"""The search end to end: real files and latencies of a small network, once for all tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import edgecnn
from edgecnn.core.documents.search import SearchResult
from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.run import RunResult
from edgecnn.pipeline.search.progress import SilentSearchReporter
from edgecnn.pipeline.step import Status
from edgecnn.ui.cli.main import app

SEARCH = (
    "search={budgets: {onnx-int8: {accuracy_drop: 90 %, latency_ratio: 50, size: 1 MB}}, "
    "quantization: [fp32, int8], width: [0.25], input: [32], macs: [1.0], rungs: 1}",
)


CREATE_TRIAL = '"op_code":4'
END_TRIAL = '"op_code":6'
"""Codes in Optuna's journal of a new trial, and of one that ends."""


@pytest.fixture(scope="module")
def searched(finished: RunResult, pipeline_file: Path) -> str:
    """The pipeline; its own network is trained and exported already."""
    assert finished.exit_code == 0
    return str(pipeline_file)


@pytest.fixture(scope="module")
def found(searched: str, home: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """The search, to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        out = tmp_path_factory.mktemp("searches") / "shapes"
        result: SearchResult = edgecnn.search(searched, SEARCH, out=out)
        return result


def facts(result: SearchResult) -> list[object]:
    """Return all that a search found but how long it took."""
    assert result.winner is not None
    return [trial.model_copy(update={"seconds": 0.0}) for trial in (result.winner, *result.trials)]


def test_the_cheapest_combination_is_measured_and_wins(found: SearchResult) -> None:
    assert found.finished
    assert found.exit_code == 0
    assert len(found.trials) == 2, "the cost of every combination is measured"
    assert found.winner is not None
    target = found.winner.targets["onnx-int8"]
    assert target.latency is not None
    assert target.accuracy is not None
    other = next(trial for trial in found.trials if trial != found.winner).targets["onnx-int8"].latency
    assert other is not None
    assert target.latency.ratio < other.ratio
    assert sum(trial.rung > 0 for trial in found.trials) == 1, "what is more expensive is not trained"


def test_the_winner_is_a_pipeline_that_runs_from_the_store_and_ships(
    found: SearchResult, tmp_path: Path
) -> None:
    assert found.pipeline is not None
    assert found.winner is not None
    spec = load_pipeline(str(found.pipeline)).spec
    assert list(spec.targets) == ["onnx-int8"]
    assert spec.model.arguments["width"] == found.winner.width
    assert spec.targets["onnx-int8"] == {"precision": found.winner.quantization}
    result = edgecnn.run(str(found.pipeline), out=tmp_path / "run")
    assert result.exit_code == 0, result.error
    assert [step.step.id for step in result.steps if step.status is Status.MADE] == []
    assert result.targets[0].manifest is not None
    assert result.targets[0].manifest.size_bytes == found.winner.targets["onnx-int8"].size_bytes


def test_the_result_is_a_table_a_plot_and_json(found: SearchResult) -> None:
    document = json.loads((found.directory / "search.json").read_text())
    assert document | {"host": None} == json.loads(json.dumps(found.to_json() | {"host": None}))
    assert "| winner |" in (found.directory / "search.md").read_text()
    assert "<circle" in (found.directory / "pareto.svg").read_text()


def test_searching_again_measures_nothing_and_finds_the_same(found: SearchResult, searched: str) -> None:
    journal = found.directory / "study.journal"
    trials = journal.read_text().count(CREATE_TRIAL)
    again = edgecnn.search(searched, SEARCH, out=found.directory)
    assert facts(again) == facts(found)
    assert journal.read_text().count(CREATE_TRIAL) == trials > 0


class StopsAt(SilentSearchReporter):
    """Presses Ctrl-C at the n-th thing that the search tells."""

    def __init__(self, count: int) -> None:
        self.left = count

    def trial(self, text: str) -> None:
        del text
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_search_that_was_stopped_goes_on_and_finds_the_same_winner(
    count: int, found: SearchResult, searched: str, tmp_path: Path
) -> None:
    storage = str(tmp_path / "study.journal")
    with pytest.raises(KeyboardInterrupt):
        edgecnn.search(searched, SEARCH, out=tmp_path / "out", storage=storage, reporter=StopsAt(count))
    again = edgecnn.search(searched, SEARCH, out=tmp_path / "out", storage=storage)
    assert facts(again) == facts(found)


@pytest.mark.slow
def test_a_search_that_is_killed_again_and_again_comes_to_the_same_winner(
    searched: str, tmp_path: Path
) -> None:
    """Killed with every process that it started, from an empty store; then searched from that store."""
    command = [
        sys.executable,
        "-m",
        "edgecnn.ui.cli.main",
        "search",
        searched,
        *SEARCH,
        "search.macs=[0.5, 1]",
    ]
    environment = os.environ | {"EDGECNN_HOME": str(tmp_path / "home")}
    journal = tmp_path / "killed" / "study.journal"
    for ended in (1, 3, 5):
        child = subprocess.Popen(
            [*command, "--out", str(tmp_path / "killed")], env=environment, start_new_session=True
        )
        while child.poll() is None and not (
            journal.exists() and journal.read_text().count(END_TRIAL) >= ended
        ):
            time.sleep(0.2)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    winners = []
    for name in ("killed", "anew"):
        finished = subprocess.run(
            [*command, "--out", str(tmp_path / name), "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        winners.append(json.loads(finished.stdout)["winner"] | {"seconds": None})
    assert winners[0] == winners[1]


def test_a_time_limit_stops_the_search_and_says_so(
    found: SearchResult, searched: str, tmp_path: Path
) -> None:
    result = edgecnn.search(searched, SEARCH, out=tmp_path, minutes=1e-6)
    assert not result.finished
    assert result.exit_code == 3
    assert "time is up" in str(result.error)
    assert not (tmp_path / "winner.yaml").exists()


def test_budgets_that_nothing_meets_are_exit_code_3_with_the_nearest(
    found: SearchResult, searched: str, tmp_path: Path
) -> None:
    budget = ("search.budgets.onnx-int8.latency_ratio=0.001", "search.width=[0.25, 0.5]")
    ended = CliRunner().invoke(app, ["search", searched, *SEARCH, *budget, "--out", str(tmp_path), "--json"])
    assert ended.exit_code == 3, ended.output
    document = json.loads(ended.stdout)
    assert document["winner"] is None
    assert "the nearest, width 0.25" in document["error"]["message"]
    assert "latency_ratio" in document["trials"][0]["verdict"]
    assert len(document["trials"]) == 2, "what is larger than one that is too slow is not measured"
    assert document["combinations"] == 4


def test_a_study_of_another_pipeline_is_refused(found: SearchResult, searched: str) -> None:
    with pytest.raises(UsageError, match="begun with another pipeline"):
        edgecnn.search(searched, (*SEARCH, "train.epochs=7"), out=found.directory)
    with pytest.raises(UsageError, match="begun with another search"):
        edgecnn.search(searched, (*SEARCH, "search.factor=4"), out=found.directory)


def test_a_runtime_that_is_missing_is_exit_code_5_before_anything_is_made(
    searched: str, tmp_path: Path
) -> None:
    overrides = (
        "targets={tflite-fp32: {runtime: tflite-runtime}}",
        "search={budgets: {tflite-fp32: {accuracy_drop: 1 %}}}",
        "budgets={}",
    )
    with pytest.raises(MissingDependency, match="tflite-runtime") as caught:
        edgecnn.search(searched, overrides, out=tmp_path)
    assert caught.value.exit_code == 5


def test_a_pipeline_without_budgets_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no budgets to search for") as caught:
        edgecnn.search("mobilenetv3", out=tmp_path)
    assert "accuracy_drop" in str(caught.value.hint)


def test_a_place_that_cannot_be_written_is_named(searched: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        edgecnn.search(searched, SEARCH, out=tmp_path / "file" / "out")


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_no_time_is_no_time_limit(minutes: float, searched: str) -> None:
    with pytest.raises(UsageError, match="leaves no time"):
        edgecnn.search(searched, SEARCH, minutes=minutes)
