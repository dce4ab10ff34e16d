from __future__ import annotations

import json
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
