"""What the reporter of steps says before the first step."""

from __future__ import annotations

import time

import pytest

from edgecnn.ui.cli import reporter
from edgecnn.ui.cli.reporter import BEFORE_THE_STEPS, ConsoleReporter


@pytest.mark.parametrize(("silence", "said"), [(0.0, f"{BEFORE_THE_STEPS} ...\n"), (60.0, "")])
def test_a_log_says_what_is_done_before_the_first_step_unless_it_ends_at_once(
    silence: float, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporter, "_SILENT_S", silence)
    with ConsoleReporter():
        time.sleep(0.2)
    assert capsys.readouterr().err == said


def test_nothing_is_said_once_the_steps_are_planned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporter, "_SILENT_S", 0.1)
    with ConsoleReporter() as running:
        running.planned(())
        time.sleep(0.3)
    assert not capsys.readouterr().err
