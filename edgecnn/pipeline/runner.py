"""The runner: executes a plan step by step, reuses finished steps and keeps resumable ones."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgecnn.core.documents.step_record import StepCost, StepRecord
from edgecnn.core.errors import DamagedEntry, EdgecnnError, MachineFault, UsageError, machine_fault
from edgecnn.core.warm import end_torch_server
from edgecnn.devices.host import host
from edgecnn.pipeline.gates import check_gate
from edgecnn.pipeline.keys import input_versions, package_versions, step_key
from edgecnn.pipeline.stages.base import Context, parameters_json
from edgecnn.pipeline.step import AnyStep, Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from edgecnn.core.documents.run import TargetSummary
    from edgecnn.core.store.entry import Entry
    from edgecnn.core.store.store import Store

    More = Callable[[Mapping[str, StepResult]], list[AnyStep]]
    """A function that takes the results so far and returns further steps, which are executed next."""

T = TypeVar("T")

_MOST_RESTARTS = 3


class Reporter(Protocol):
    """Receiver of the runner's events, which the command line displays."""

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


def execute(
    steps: Sequence[AnyStep],
    store: Store,
    reporter: Reporter,
    logs: Path,
    *,
    done: Mapping[str, StepResult] | None = None,
    more: More | None = None,
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

    Returns:
        Results of all steps, by id.

    Raises:
        DamagedEntry: A step's files are damaged each time that they are read.
        MachineFault: The machine cannot store data.
    """
    known = dict(done or {})

    def begin() -> dict[str, StepResult]:
        try:
            return _execute(steps, store, reporter, logs, known, more)
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


def _execute(
    steps: Sequence[AnyStep],
    store: Store,
    reporter: Reporter,
    logs: Path,
    done: Mapping[str, StepResult],
    more: More | None,
) -> dict[str, StepResult]:
    results: dict[str, StepResult] = dict(done)
    ahead = [step for step in steps if step.id not in results]
    reporter.planned(ahead)
    while ahead:
        if more is not None and not any(step.stage.forks_torch for step in ahead):
            end_torch_server()
        step = next(step for step in ahead if results.keys() >= {*step.inputs.values(), *step.after})
        ahead.remove(step)
        before = [results[name] for name in (*step.inputs.values(), *step.after)]
        if all(result.succeeded for result in before):
            result = _make(step, results, store, reporter, logs)
        else:
            result = StepResult(step, Status.SKIPPED)
        results[step.id] = result
        reporter.finished(result)
        if more is not None and (grown := more(results)):
            ahead = [*grown, *ahead]
            reporter.planned(ahead)
    return results


def _make(
    step: AnyStep, results: dict[str, StepResult], store: Store, reporter: Reporter, logs: Path
) -> StepResult:
    """Reuse or make one step, and check its gate."""
    started = time.monotonic()
    entry, status, error = None, Status.FAILED, None
    try:
        entry, status = _produce(step, results, store, reporter, logs)
        if step.gate is not None:
            entry.check()
            check_gate(step.gate, entry.outputs)
    except MachineFault:
        raise
    except EdgecnnError as known:
        status, error = Status.FAILED, known
    except OSError as fault:
        status, error = Status.FAILED, machine_fault(fault)
        if isinstance(error, MachineFault):
            raise error from fault
    return StepResult(step, status, entry, error, time.monotonic() - started)


def _produce(
    step: AnyStep, results: dict[str, StepResult], store: Store, reporter: Reporter, logs: Path
) -> tuple[Entry, Status]:
    key = step_key(step, results)
    entry = store.get(key)
    if entry is not None:
        return entry, Status.REUSED
    with store.lock(key, lambda: reporter.waiting(step)):
        entry = store.get(key)
        if entry is not None:
            return entry, Status.REUSED
        inputs = {name: _outputs(results[source]) for name, source in step.inputs.items()}
        reporter.started(step)
        draft = store.draft(key)
        context = Context(
            out=draft.outputs,
            scratch=draft.scratch,
            log=logs / f"{step.id.replace(':', '-')}.log",
            progress=lambda done, total, text: reporter.progress(step, done, total, text),
        )
        step.stage.run(inputs, step.parameters, context)
        if step_key(step, results) != key:
            raise UsageError(
                f"{step.id} was made while a package that it uses, a vendor tool or a variable was changed",
                hint="run again",
            )
        packages = package_versions(step.stage) | input_versions(inputs.values())
        return store.commit(key, draft, _record(step, packages, context)), Status.MADE


def _outputs(result: StepResult) -> Path:
    """Return the directory of a step's outputs, whose bytes are what was recorded."""
    if result.entry is None:
        raise KeyError(f"{result.step.id} has no outputs")
    result.entry.check()
    return result.entry.outputs


def _record(step: AnyStep, packages: dict[str, str], context: Context) -> StepRecord:
    return StepRecord(
        step=step.id,
        stage=step.stage.name,
        parameters=parameters_json(step.parameters),
        packages=packages,
        costs={name: StepCost.from_json(cost) for name, cost in context.costs.items()},
        host=host(),
        notes=context.notes,
    )
