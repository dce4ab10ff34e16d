"""A plan: the steps of a run, what each reads from the others, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic

from edgecnn.pipeline.stages.base import P

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from edgecnn.core.errors import EdgecnnError
    from edgecnn.core.store.store import Entry
    from edgecnn.pipeline.gates import Gate
    from edgecnn.pipeline.stages.base import Stage


@dataclass(frozen=True)
class Step(Generic[P]):
    """One execution of a stage.

    Attributes:
        id: Name in this plan, such as ``quantize:tflite-int8``.
        stage: What is executed.
        parameters: The stage's parameters.
        inputs: Step ids by the names under which the stage reads their outputs.
        target: The target it belongs to; None where several targets need it.
        gate: Name of a check of the finished outputs that must pass before anything is built on them. It
            runs for reused outputs too.
        after: Steps that must have succeeded although nothing is read from them.
    """

    id: str
    stage: Stage[P]
    parameters: P
    inputs: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    gate: Gate | None = None
    after: tuple[str, ...] = ()


AnyStep = Step[Any]
"""A step of any stage; what a plan is made of."""


def needed(steps: Sequence[AnyStep], ids: Collection[str]) -> list[AnyStep]:
    """Return the named steps and all that stand before them, in the plan's order.

    Args:
        steps: A plan; every step stands after those that it reads.
        ids: Names of some of its steps.
    """
    found = set(ids)
    for step in reversed(steps):
        if step.id in found:
            found |= {*step.inputs.values(), *step.after}
    return [step for step in steps if step.id in found]


class Status(StrEnum):
    """What became of a step."""

    MADE = "made"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class StepResult:
    """What became of a step.

    Attributes:
        step: The step.
        status: Made, reused from the store, failed, or skipped because something before it failed.
        entry: The finished outputs, unless failed before they were or skipped.
        error: Why it failed.
        seconds: Wall time of this run, not of the one that made a reused step.
    """

    step: AnyStep
    status: Status
    entry: Entry | None = None
    error: EdgecnnError | None = None
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether other steps may build on this one."""
        return self.status in (Status.MADE, Status.REUSED)
