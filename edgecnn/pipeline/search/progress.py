"""Report the progress of a search, and stop it when its time is up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from edgecnn.pipeline.runner import Reporter, SilentReporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.pipeline.step import AnyStep, StepResult


class TimeIsUp(Exception):
    """The time limit has passed; what is finished is kept, as after Ctrl-C."""


class SearchReporter(Reporter, Protocol):
    """Receives what the search does besides executing steps."""

    def trial(self, text: str) -> None:
        """A combination is being measured."""


class SilentSearchReporter(SilentReporter):
    """A reporter that says nothing."""

    def trial(self, text: str) -> None:
        """Ignore the trial."""


class Deadline:
    """A reporter that passes everything on, and raises :class:`TimeIsUp` once time is up.

    A stage reports while it works, a training at every few steps, so it ends soon after; the next search
    goes on from its last epoch.
    """

    def __init__(self, reporter: SearchReporter, seconds: float | None) -> None:
        self._reporter = reporter
        self._until = None if seconds is None else time.monotonic() + seconds

    def trial(self, text: str) -> None:
        """Pass on."""
        self._check()
        self._reporter.trial(text)

    def planned(self, steps: Sequence[AnyStep]) -> None:
        """Pass on."""
        self._reporter.planned(steps)

    def started(self, step: AnyStep) -> None:
        """Pass on."""
        self._check()
        self._reporter.started(step)

    def waiting(self, step: AnyStep) -> None:
        """Pass on."""
        self._reporter.waiting(step)

    def progress(self, step: AnyStep, done: int, total: int, text: str) -> None:
        """Pass on."""
        self._check()
        self._reporter.progress(step, done, total, text)

    def finished(self, result: StepResult) -> None:
        """Pass on."""
        self._reporter.finished(result)

    def _check(self) -> None:
        if self._until is not None and time.monotonic() > self._until:
            raise TimeIsUp
