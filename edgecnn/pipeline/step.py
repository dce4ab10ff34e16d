"""The steps of a plan, their inputs, and their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic

from edgecnn.pipeline.stages.base import P

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from edgecnn.core.errors import EdgecnnError
    from edgecnn.core.store.entry import Entry
    from edgecnn.pipeline.gates import Gate
    from edgecnn.pipeline.stages.base import Stage


@dataclass(frozen=True)
class Step(Generic[P]):
    """One execution of a stage.

    Attributes:
        id: Name in this plan, such as ``quantize:tflite-int8``.
        stage: The executed stage.
        parameters: The stage's parameters.
        inputs: Step ids by the names under which the stage reads their outputs.
        target: The target that it belongs to; None if several targets need it.
        gate: Name of a check of the finished outputs that must pass before other steps use them, also if they
            are reused.
        after: Steps that must have succeeded although their outputs are not read.
    """

    id: str
    stage: Stage[P]
    parameters: P
    inputs: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    gate: Gate | None = None
    after: tuple[str, ...] = ()


AnyStep = Step[Any]
"""A step of any stage."""


def needed(steps: Sequence[AnyStep], ids: Collection[str]) -> list[AnyStep]:
    """Return the named steps and all steps before them, in the plan's order.

    Args:
        steps: A plan; every step comes after those that it reads.
        ids: Names of some of its steps.
    """
    found = set(ids)
    for step in reversed(steps):
        if step.id in found:
            found |= {*step.inputs.values(), *step.after}
    return [step for step in steps if step.id in found]


class Status(StrEnum):
    """The status of a finished step."""

    MADE = "made"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class StepResult:
    """The result of a step.

    Attributes:
        step: The step.
        status: Made, reused from the store, failed, or skipped because an earlier step failed.
        entry: The finished outputs; None if the step failed before or was skipped.
        error: Reason of the failure.
        seconds: Wall time in this run; for a reused step, not that of the run that made it.
    """

    step: AnyStep
    status: Status
    entry: Entry | None = None
    error: EdgecnnError | None = None
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Return whether other steps may use its outputs."""
        return self.status in (Status.MADE, Status.REUSED)
