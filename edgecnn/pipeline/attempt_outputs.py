"""The outputs of an attempt's steps: its files, its documents, and the records of how they were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.source import StoreEntry
from edgecnn.core.json_file import read_json
from edgecnn.pipeline.planner.pruning import PRUNED_STEP
from edgecnn.pipeline.stages import compile as compile_stage
from edgecnn.pipeline.stages import pruned, quantize
from edgecnn.pipeline.step import needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from edgecnn.core.config.target import Target
    from edgecnn.core.documents.host import Host
    from edgecnn.core.documents.step_record import StepCost
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.core.store.entry import Entry
    from edgecnn.pipeline.plan import Attempt, Plan
    from edgecnn.pipeline.step import StepResult

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class AttemptOutputs:
    """The outputs of an attempt's steps, by step.

    Attributes:
        plan: The plan that was executed.
        attempt: The attempt.
        results: The result of every step of the plan, by id.
    """

    plan: Plan
    attempt: Attempt
    results: Mapping[str, StepResult]

    @property
    def target(self) -> Target:
        """The target."""
        return self.attempt.target

    @property
    def error(self) -> EdgecnnError | None:
        """The first error among the steps that the attempt needs."""
        errors = (self.results[name].error for name in self._needed())
        return next((error for error in errors if error is not None), None)

    def _needed(self) -> list[str]:
        """Return the ids of the attempt's steps and of all that stand before them, in the plan's order."""
        own = {self.attempt.float_file, *self.attempt.steps}
        return [step.id for step in needed(self.plan.steps, own)]

    def folder(self, step: str) -> Path:
        """Return the directory of a step's outputs, whose bytes are what was recorded.

        Raises:
            KeyError: The step is not in the plan, or it has no outputs.
            DamagedEntry: A file was changed since the step made it.
        """
        entry = self._entry(step)
        entry.check()
        return entry.outputs

    def _entry(self, step: str) -> Entry:
        entry = self.results[step].entry
        if entry is None:
            raise KeyError(f"{step} has no outputs")
        return entry

    def own(self, stage: str) -> Path | None:
        """Return the directory of the outputs of the attempt's own step; None if there is no such step."""
        step = self.attempt.step(stage)
        return self.folder(step) if step in self.results else None

    def document(self, kind: type[D], stage: str, name: str) -> D | None:
        """Return a document that the attempt's own step wrote; None if there is no such step."""
        folder = self.own(stage)
        return None if folder is None else kind.from_json(read_json(folder / name), name)

    def inspection(self) -> Inspection:
        """Return what was read back from the attempt's file.

        Raises:
            KeyError: It was not inspected.
        """
        found = self.document(Inspection, "inspect", quantize.INSPECTION)
        if found is None:
            raise KeyError(f"{self.target.name} was not inspected")
        return found

    def files(self) -> list[Path]:
        """Return the model's files and the compiled file, where there is one."""
        return [*self._model_files(), *self._compiled_files()]

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every file that ships, by name, as its step recorded it.

        Raises:
            DamagedEntry: A file was changed since its step made it.
        """
        found = self._entry(self.attempt.model_file).check()
        if (compiled := self.attempt.step("compile")) in self.results:
            found = found | self._entry(compiled).check()
        return {path.name: found[path.name] for path in self.files()}

    def size(self) -> int:
        """Return the bytes of what ships: the compiled file where there is one, else the model's files."""
        return sum(path.stat().st_size for path in self._compiled_files() or self._model_files())

    def _model_files(self) -> list[Path]:
        files = sorted(self.folder(self.attempt.model_file).iterdir())
        return [path for path in files if path.name != quantize.NOTES]

    def _compiled_files(self) -> list[Path]:
        folder = self.own("compile")
        return [] if folder is None else [compile_stage.compiled_file(folder)]

    def pruning(self) -> PruningReport | None:
        """Return the report of the pruning without its sensitivities; None where nothing was pruned."""
        result = self.results.get(PRUNED_STEP)
        if result is None or result.entry is None:
            return None
        found = PruningReport.from_json(read_json(self.folder(PRUNED_STEP) / pruned.RESULT), pruned.RESULT)
        return found.model_copy(update={"sensitivity": None})

    def origins(self) -> dict[str, StoreEntry]:
        """Return where the store has the float file of an int8 file, and the network that it came from."""
        if self.target.precision != "int8":
            return {}
        steps = {"float": self.attempt.float_file, "network": self.attempt.network.checkpoint}
        entries = {name: self.results[step].entry for name, step in steps.items()}
        return {
            name: StoreEntry(key=entry.key, digest=entry.digest)
            for name, entry in entries.items()
            if entry is not None
        }

    def host(self) -> Host | None:
        """Return the machine that verified the file: a reused result was not measured on today's."""
        entry = self.results[self.attempt.step("verify")].entry
        return None if entry is None else entry.record.host

    def seconds(self) -> float:
        """Return the wall time of the steps that only this attempt needs, and of its network's recovery."""
        first = self.plan.attempts[self.target.name][0]
        own = set(self._needed()) - set(AttemptOutputs(self.plan, first, self.results)._needed())
        entries = self._entries(own | set(self.attempt.steps))
        return round(sum(cost.wall_s for entry in entries for cost in entry.record.costs.values()), 1)

    def costs(self) -> dict[str, StepCost]:
        """Return the costs of the attempt's own steps, by the name of the work."""
        return {name: cost for entry in self._own_entries() for name, cost in entry.record.costs.items()}

    def packages(self) -> dict[str, str]:
        """Return the versions of the packages that made the attempt's own outputs."""
        return {
            name: version for entry in self._own_entries() for name, version in entry.record.packages.items()
        }

    def _own_entries(self) -> list[Entry]:
        return self._entries((self.attempt.float_file, *self.attempt.steps))

    def _entries(self, steps: Iterable[str]) -> list[Entry]:
        return [entry for name in steps if (entry := self.results[name].entry) is not None]
