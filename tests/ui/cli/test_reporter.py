"""What the reporter of steps says before the first step."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from edgecnn.core.documents.run import TargetSummary
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.step import Status, Step, StepResult
from edgecnn.ui.cli import reporter
from edgecnn.ui.cli.reporter import BEFORE_THE_STEPS, ConsoleReporter


@dataclass(frozen=True)
class Nothing:
    """Parameters of a stage that is never run."""


def _nothing(inputs: Inputs, parameters: Nothing, context: Context) -> None:
    """Do nothing."""


@pytest.mark.parametrize(("silence", "said"), [(0.0, f"{BEFORE_THE_STEPS} ...\n"), (60.0, "")])
def test_a_log_says_what_is_done_before_the_first_step_unless_it_ends_at_once(
    silence: float, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporter, "_SILENT_S", silence)
    with ConsoleReporter():
        time.sleep(0.2)
    assert capsys.readouterr().err == said


def test_positions_count_on_where_a_plan_has_grown_and_rows_stand_between_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, two = (Step(name, Stage(name, 1, _nothing), Nothing()) for name in ("one", "two"))
    with ConsoleReporter() as running:
        running.planned([one])
        running.finished(StepResult(one, Status.REUSED))
        running.judged(TargetSummary(target="onnx-fp32", ships=True))
        running.planned([two])
        running.started(two)
    said = capsys.readouterr().err
    assert said == "[1/1] one reused\nonnx-fp32 ships\n[2/2] two ...\n"


def test_each_of_several_steps_that_run_has_its_own_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporter, "LOG_EVERY_S", 0.0)
    one, two = (Step(name, Stage(name, 1, _nothing), Nothing()) for name in ("one", "two"))
    with ConsoleReporter() as running:
        running.planned([one, two])
        running.started(one)
        running.started(two)
        running.progress(one, 1, 2, "images")
        running.finished(StepResult(two, Status.MADE, seconds=1.0))
        running.progress(two, 2, 2, "too late")
        running.finished(StepResult(one, Status.MADE, seconds=2.0))
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] one ...",
        "[2/2] two ...",
        "      one: 1/2 images",
        "[1/2] two done 1.0 s",
        "[2/2] one done 2.0 s",
    ]


def test_nothing_is_said_once_the_steps_are_planned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporter, "_SILENT_S", 0.1)
    with ConsoleReporter() as running:
        running.planned(())
        time.sleep(0.3)
    assert not capsys.readouterr().err
