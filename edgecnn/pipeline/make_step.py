"""One step of a plan: reused from the store, or made by its stage and committed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.documents.step_record import StepCost, StepRecord
from edgecnn.core.errors import EdgecnnError, MachineFault, UsageError, machine_fault
from edgecnn.devices.host import host
from edgecnn.pipeline.gates import check_gate
from edgecnn.pipeline.keys import input_versions, package_versions, step_key
from edgecnn.pipeline.stages.base import Context, parameters_json
from edgecnn.pipeline.step import AnyStep, Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from edgecnn.core.store.entry import Entry
    from edgecnn.core.store.store import Store
    from edgecnn.pipeline.reporter import Reporter


@dataclass(frozen=True)
class StepMaker:
    """Makes steps.

    Attributes:
        store: The store of finished steps.
        reporter: Receives events.
        logs: Directory for the output of vendor code, one file per step.
        check: Called with each progress of a step; what it raises ends the step.
    """

    store: Store
    reporter: Reporter
    logs: Path
    check: Callable[[], None]

    def reuse(self, step: AnyStep, results: Mapping[str, StepResult]) -> StepResult | None:
        """Return the result of a step that is in the store, or cannot be made; None if it is to be made.

        Args:
            step: The step.
            results: Results of all steps before it, which have succeeded.

        Raises:
            DamagedEntry: Its files are damaged.
            MachineFault: The machine cannot store data.
        """

        def find() -> tuple[Entry | None, Status]:
            return self.store.get(step_key(step, results)), Status.REUSED

        result = _result(step, find)
        return result if result.entry is not None or result.error is not None else None

    def make(self, step: AnyStep, results: Mapping[str, StepResult]) -> StepResult:
        """Make a step, unless another process has made it meanwhile, and check its gate.

        Args:
            step: The step.
            results: Results of all steps before it, which have succeeded.

        Raises:
            DamagedEntry: The files of a step before it are damaged.
            MachineFault: The machine cannot store data.
        """
        return _result(step, lambda: self._produce(step, results))

    def _produce(self, step: AnyStep, results: Mapping[str, StepResult]) -> tuple[Entry, Status]:
        key = step_key(step, results)
        with self.store.lock(key, lambda: self.reporter.waiting(step)):
            entry = self.store.get(key)
            if entry is not None:
                return entry, Status.REUSED
            inputs = {name: _outputs(results[source]) for name, source in step.inputs.items()}
            self.reporter.started(step)
            draft = self.store.draft(key)
            context = Context(
                out=draft.outputs,
                scratch=draft.scratch,
                log=self.logs / f"{step.id.replace(':', '-')}.log",
                progress=lambda done, total, text: self._progress(step, done, total, text),
            )
            step.stage.run(inputs, step.parameters, context)
            if step_key(step, results) != key:
                raise UsageError(
                    f"{step.id} was made while a package that it uses, a vendor tool or a variable was "
                    "changed",
                    hint="run again",
                )
            packages = package_versions(step.stage) | input_versions(inputs.values())
            return self.store.commit(key, draft, _record(step, packages, context)), Status.MADE

    def _progress(self, step: AnyStep, done: int, total: int, text: str) -> None:
        self.check()
        self.reporter.progress(step, done, total, text)


def _result(step: AnyStep, produce: Callable[[], tuple[Entry | None, Status]]) -> StepResult:
    """Return the result of a step with the time that it took, after its gate was checked."""
    started = time.monotonic()
    entry, status, error = None, Status.FAILED, None
    try:
        entry, status = produce()
        if entry is not None and step.gate is not None:
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
