"""The runner: executes a plan, reuses finished steps, and runs independent ones side by side."""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from edgecnn.core.child import ChildGroup
from edgecnn.core.errors import DamagedEntry
from edgecnn.core.warm import end_torch_server
from edgecnn.pipeline.make_step import StepMaker
from edgecnn.pipeline.step import AnyStep, Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from edgecnn.core.store.store import Store
    from edgecnn.pipeline.reporter import Reporter

    More = Callable[[Mapping[str, StepResult]], list[AnyStep]]
    """A function that takes the results so far and returns further steps, which are executed next."""

T = TypeVar("T")

_MOST_RESTARTS = 3


def execute(
    steps: Sequence[AnyStep],
    store: Store,
    reporter: Reporter,
    logs: Path,
    *,
    done: Mapping[str, StepResult] | None = None,
    more: More | None = None,
    jobs: int = 1,
) -> dict[str, StepResult]:
    """Execute a plan; steps after a failed one are skipped, all others are executed.

    A step that fails because the machine cannot store data says nothing about the network: it ends the plan,
    so that nothing is published or taken away for it.

    If the files of a finished step are found to be damaged when they are read, everything starts again: that
    step is made again, and others are reused as far as their inputs are the same.

    Args:
        steps: The plan; every step comes after those that it reads.
        store: The store of finished steps.
        reporter: Receives events.
        logs: Directory for the output of vendor code, one file per step.
        done: Results of steps that were executed before, if a plan has grown.
        more: Called after each step; no more steps are known to follow then. The process from which children
            with PyTorch are forked then ends as soon as no step ahead needs it.
        jobs: Largest number of steps that run side by side. A step computes with the same number of threads
            whatever runs beside it, and one that trains or measures time runs alone, so that the results are
            those of one step after the other.

    Returns:
        Results of all steps, by id, in the order in which they were finished.

    Raises:
        DamagedEntry: A step's files are damaged each time that they are read.
        MachineFault: The machine cannot store data.
    """
    known = dict(done or {})

    def begin() -> dict[str, StepResult]:
        try:
            return _Execution(steps, store, reporter, logs, known, more, jobs).run()
        except DamagedEntry:
            for step in steps:
                known.pop(step.id, None)
            raise

    return again_if_damaged(begin)


def again_if_damaged(work: Callable[[], T]) -> T:
    """Do work that reads finished steps, and start it again if their files are found to be damaged.

    Raises:
        DamagedEntry: They are damaged each time.
    """
    for _ in range(_MOST_RESTARTS):
        with contextlib.suppress(DamagedEntry):
            return work()
    return work()


class _Execution:
    """One execution of a plan: the results so far, the steps that run, and those ahead."""

    def __init__(
        self,
        steps: Sequence[AnyStep],
        store: Store,
        reporter: Reporter,
        logs: Path,
        done: Mapping[str, StepResult],
        more: More | None,
        jobs: int,
    ) -> None:
        self._results = dict(done)
        self._ahead = [step for step in steps if step.id not in done]
        self._running: dict[Future[StepResult], AnyStep] = {}
        self._reporter = reporter
        self._more = more
        self._jobs = jobs
        self._group = ChildGroup()
        self._maker = StepMaker(store, reporter, logs, self._group.check)
        self._first = next((step.target for step in self._ahead if step.target is not None), None)

    def run(self) -> dict[str, StepResult]:
        """Execute all steps and return their results."""
        self._reporter.planned(self._ahead)
        with ThreadPoolExecutor(self._jobs, "step") as threads:
            try:
                while self._ahead or self._running:
                    step = self._choose()
                    if step is not None:
                        self._begin(step, threads)
                    else:
                        for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                            del self._running[future]
                            self._finish(future.result())
            except DamagedEntry:
                raise  # what runs beside it is finished first, and found again
            except BaseException:  # such as Ctrl-C
                self._group.end()
                raise
        return self._results

    def _choose(self) -> AnyStep | None:
        """Return the step to begin now; None if one that runs has to end before.

        It is the first of the plan whose inputs are finished, so that target after target is finished. Steps
        that run alone wait until nothing else can be done, except those of the first target, for which the
        others wait: its result is to be seen early.
        """
        if len(self._running) >= self._jobs:
            return None
        ready = [step for step in self._ahead if self._results.keys() >= {*step.inputs.values(), *step.after}]
        if self._jobs > 1:
            ready.sort(key=lambda step: step.stage.alone and step.target != self._first)
        if not ready or (self._running and ready[0].stage.alone):
            return None
        return ready[0]

    def _begin(self, step: AnyStep, threads: ThreadPoolExecutor) -> None:
        """Skip or reuse a step, or make it: here if it is alone, else in a thread."""
        waiting = [*self._ahead, *self._running.values()]
        if self._more is not None and not any(other.stage.forks_torch for other in waiting):
            end_torch_server()
        self._ahead.remove(step)
        before = [self._results[name] for name in (*step.inputs.values(), *step.after)]
        if not all(result.succeeded for result in before):
            self._finish(StepResult(step, Status.SKIPPED))
        elif (found := self._maker.reuse(step, self._results)) is not None:
            self._finish(found)
        elif self._jobs == 1 or step.stage.alone:
            self._finish(self._maker.make(step, self._results))
        else:
            before_it = {name: self._results[name] for name in step.inputs.values()}
            self._running[threads.submit(copy_context().run, self._make, step, before_it)] = step

    def _make(self, step: AnyStep, results: Mapping[str, StepResult]) -> StepResult:
        """Make a step in a thread of its own."""
        with self._group.joined():
            return self._maker.make(step, results)

    def _finish(self, result: StepResult) -> None:
        self._results[result.step.id] = result
        self._reporter.finished(result)
        if self._more is not None and (grown := self._more(self._results)):
            self._ahead = [*grown, *self._ahead]
            self._reporter.planned([*self._running.values(), *self._ahead])
