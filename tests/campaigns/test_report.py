from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.campaigns.report import CampaignResult, Recorder


def test_an_attempt_that_raises_is_a_failure_and_the_others_go_on(tmp_path: Path) -> None:
    recorder = Recorder("three tries")
    for number in range(3):
        with recorder.attempt(f"try {number}"):
            recorder.count("even" if number % 2 == 0 else "odd")
            assert number != 1, "one is wrong"
    result = recorder.result()
    assert (result.tried, result.failed, result.counts) == (3, 1, {"even": 2, "odd": 1})
    assert result.failures[0].reproduction == "try 1"
    assert "one is wrong" in result.failures[0].what
    with pytest.raises(AssertionError, match="1 of 3 attempts failed"):
        result.check()
    result.write(tmp_path / "deep" / "result.json")
    assert CampaignResult.from_json(json.loads((tmp_path / "deep" / "result.json").read_text())) == result


def test_a_campaign_that_tried_nothing_has_not_passed() -> None:
    with pytest.raises(AssertionError, match="tried nothing"):
        Recorder("nothing").result().check()


def test_the_results_of_parts_add_up() -> None:
    first, second = Recorder("whole"), Recorder("whole")
    for recorder, outcome in ((first, "killed"), (second, "ended before")):
        with recorder.attempt("one"):
            recorder.count(outcome)
    with second.attempt("two"):
        raise ValueError("harm")
    both = first.result().plus(second.result())
    assert (both.tried, both.failed, both.counts) == (3, 1, {"killed": 1, "ended before": 1})
    assert [failure.reproduction for failure in both.failures] == ["two"]


def test_a_part_in_a_process_of_its_own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_part.py").write_text(
        "from tests.campaigns.report import Recorder, main\n"
        "def campaign(recorder: Recorder, count: int, seed: int) -> None:\n"
        "    for number in range(count):\n"
        "        with recorder.attempt(str(number)):\n"
        "            assert number, 'the first is wrong'\n"
        "main('part', campaign, count=5)\n"
    )
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(root)]))
    recorder = Recorder("whole")
    recorder.part("a_part", "--seed", "7")
    with pytest.raises(AssertionError, match="no result"):
        recorder.part("no_such_module")
    result = recorder.result()
    assert (result.tried, result.failed, result.seeds) == (5, 1, [7])
    assert result.failures[0].reproduction == "0"


def test_ctrl_c_breaks_an_attempt_off_without_counting_it() -> None:
    recorder = Recorder("broken off")
    with pytest.raises(KeyboardInterrupt), recorder.attempt("one"):
        raise KeyboardInterrupt
    assert recorder.result().tried == 0
