"""Report the progress of a search, and stop it when its time is up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from edgecnn.pipeline.runner import Reporter, SilentReporter

if TYPE_CHECKING:
    from edgecnn.pipeline.step import AnyStep


class TimeIsUp(Exception):
    """The time limit has passed; finished steps are kept, as after Ctrl-C."""


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
        self.planned, self.waiting, self.finished = reporter.planned, reporter.waiting, reporter.finished

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
