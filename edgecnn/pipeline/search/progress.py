"""Progress reports of a search, and its time limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from edgecnn.pipeline.reporter import Reporter, SilentReporter

if TYPE_CHECKING:
    from edgecnn.pipeline.step import AnyStep


class TimeIsUp(Exception):
    """The time limit has passed; finished steps are kept, as after Ctrl-C."""


class SearchReporter(Reporter, Protocol):
    """Receiver of a search's events besides those of steps."""

    def trial(self, text: str) -> None:
        """Report that a combination is being measured."""


class SilentSearchReporter(SilentReporter):
    """A reporter that ignores all events."""

    def trial(self, text: str) -> None:
        """Ignore the trial."""


class Deadline:
    """A reporter that forwards everything, and raises :class:`TimeIsUp` after the time limit.

    A stage reports while it works, a training every few steps, so it ends soon after the limit; the next
    search continues from its last epoch.
    """

    def __init__(self, reporter: SearchReporter, seconds: float | None) -> None:
        self._reporter = reporter
        self._until = None if seconds is None else time.monotonic() + seconds
        self.planned, self.waiting = reporter.planned, reporter.waiting
        self.finished, self.judged = reporter.finished, reporter.judged

    def trial(self, text: str) -> None:
        """Pass on."""
        self._check()
        self._reporter.trial(text)

    def started(self, step: AnyStep) -> None:
        """Pass on."""
        self._check()
        self._reporter.started(step)

    def progress(self, step: AnyStep, done: int, total: int, text: str) -> None:
        """Pass on."""
        self._check()
        self._reporter.progress(step, done, total, text)

    def _check(self) -> None:
        if self._until is not None and time.monotonic() > self._until:
            raise TimeIsUp
