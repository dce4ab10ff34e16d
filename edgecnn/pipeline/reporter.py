"""Events of a run, which the command line displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.run import TargetSummary
    from edgecnn.pipeline.step import AnyStep, StepResult


class Reporter(Protocol):
    """Receiver of the events of a run.

    Steps may run beside each other, so that several threads call it.
    """

    def planned(self, steps: Sequence[AnyStep]) -> None:
        """Report the steps ahead, in order; more than once if the run begins with a few, or has grown."""

    def started(self, step: AnyStep) -> None:
        """Report that a step has started."""

    def waiting(self, step: AnyStep) -> None:
        """Report that another process is making the same step, and this one waits for it."""

    def progress(self, step: AnyStep, done: int, total: int, text: str) -> None:
        """Report the progress of a step."""

    def finished(self, result: StepResult) -> None:
        """Report the result of a step."""

    def judged(self, target: TargetSummary) -> None:
        """Report the result of one of several targets before the others are finished."""


class SilentReporter:
    """A reporter that ignores all events."""

    def planned(self, steps: Sequence[AnyStep]) -> None:
        """Ignore the plan."""

    def started(self, step: AnyStep) -> None:
        """Ignore the start."""

    def waiting(self, step: AnyStep) -> None:
        """Ignore the wait."""

    def progress(self, step: AnyStep, done: int, total: int, text: str) -> None:
        """Ignore the progress."""

    def finished(self, result: StepResult) -> None:
        """Ignore the result."""

    def judged(self, target: TargetSummary) -> None:
        """Ignore the result of the target."""
