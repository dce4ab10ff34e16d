"""Display of the runner's events: live bars for a person, plain lines for a log."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from edgecnn.pipeline.step import Status
from edgecnn.ui.cli.console import interactive, log_console, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from rich.progress import TaskID

    from edgecnn.core.documents.run import TargetSummary
    from edgecnn.pipeline.step import AnyStep, StepResult

LOG_EVERY_S = 15.0
BEFORE_THE_STEPS = "opening the data and planning the steps"
_SILENT_S = 1.0
"""Time after which a log says what is done before the first step; an error in this time stands alone."""


class ConsoleReporter:
    """Reporter of steps on standard error; a context manager that removes its live bars."""

    def __init__(self) -> None:
        self._console = log_console()
        self._live = interactive()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._lock = threading.Lock()
        self._before = self._bars.add_task(BEFORE_THE_STEPS, total=None, text="", visible=False)
        self._tasks: dict[str, TaskID] = {}
        self._count = 0
        self._finished = 0
        self._logged: dict[str, float] = {}
        self._silence = threading.Timer(_SILENT_S, self._console.print, [f"{BEFORE_THE_STEPS} ..."])
        self._silence.daemon = True

    def __enter__(self) -> Self:
        self._bars.start()
        self._bars.reset(self._before, visible=True)
        if not self._live:
            self._silence.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._silence.cancel()
        self._bars.stop()

    def planned(self, steps: Sequence[AnyStep]) -> None:
        """Store the number of steps: those that are finished and those ahead."""
        self._silence.cancel()
        self._bars.update(self._before, visible=False)
        self._count = self._finished + len(steps)

    def started(self, step: AnyStep) -> None:
        """Show the step that has started."""
        with self._lock:
            self._show(step)
            if not self._live:
                self._console.print(f"{self._position(len(self._tasks))} {step.id} ...")

    def waiting(self, step: AnyStep) -> None:
        """Report that another process is making the same step."""
        with self._lock:
            place = self._position(len(self._tasks) + 1)
            self._console.print(f"{place} {step.id}: another run is making it; waiting")

    def progress(self, step: AnyStep, done: int, total: int, text: str) -> None:
        """Show the progress of the step; in a log, every few seconds."""
        with self._lock:
            if step.id not in self._tasks:
                return
            self._bars.update(self._tasks[step.id], completed=done, total=total, text=text)
            now = time.monotonic()
            if not self._live and now - self._logged[step.id] >= LOG_EVERY_S:
                self._logged[step.id] = now
                self._console.print(f"      {step.id}: {done}/{total} {text}")

    def finished(self, result: StepResult) -> None:
        """Report the result of a step."""
        self._finished += 1
        self._hide(result.step)
        mark = {
            Status.MADE: ("done", "green"),
            Status.REUSED: ("reused", "dim"),
            Status.FAILED: ("failed", "bold red"),
            Status.SKIPPED: ("skipped", "yellow"),
        }[result.status]
        seconds = f" {result.seconds:.1f} s" if result.status is Status.MADE else ""
        self._console.print(Text.assemble(f"{self._position(0)} {result.step.id} ", mark, seconds))

    def judged(self, target: TargetSummary) -> None:
        """Print the row of a target as soon as it is known."""
        from edgecnn.ui.report.rows import row_in_words

        self._console.print(printable(row_in_words(target)))

    def _show(self, step: AnyStep) -> None:
        """Add a bar for a step that has started."""
        self._logged[step.id] = time.monotonic()
        self._tasks[step.id] = self._bars.add_task(step.id, total=None, text="")

    def _hide(self, step: AnyStep) -> None:
        """Remove the bar of a step, where it has one."""
        with self._lock:
            task = self._tasks.pop(step.id, None)
            if task is not None:
                self._bars.remove_task(task)

    def _position(self, ahead: int) -> str:
        width = len(str(self._count))
        return f"[{self._finished + ahead:>{width}}/{self._count}]"


class SearchConsoleReporter(ConsoleReporter):
    """Reporter of a search's trials; of their steps it shows only failures and the current one."""

    def trial(self, text: str) -> None:
        """Name the combination that is being measured."""
        self._console.print(text)

    def started(self, step: AnyStep) -> None:
        """Show the step that has started."""
        with self._lock:
            self._show(step)

    def finished(self, result: StepResult) -> None:
        """Report a failure."""
        self._hide(result.step)
        if result.error is not None:
            message = printable(result.error.message)
            self._console.print(
                Text.assemble(f"      {result.step.id} ", ("failed", "bold red"), f": {message}")
            )


@contextlib.contextmanager
def bar() -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function that shows the progress of an activity; it shows nothing in a log."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}", markup=False),
        console=log_console(),
        transient=True,
        disable=not interactive(),
    ) as bars:
        task = bars.add_task("", total=1)
        yield lambda done, total, text: bars.update(task, completed=done, total=total, description=text)
