"""A plan as data: the steps of a run, and the attempts at each target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgecnn.core.documents.document import Document

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.core.config.quantization import Rung
    from edgecnn.core.config.target import Target
    from edgecnn.data.base import ImageSource
    from edgecnn.pipeline.step import AnyStep

FIRST: Rung = "plain"
IMPORTED = "imported"
"""Id of the step that proves the import of a file."""


class ExportedNetwork(Document):
    """The network that an attempt exports."""

    checkpoint: str
    """Id of the step that makes the checkpoint."""

    suffix: str = ""
    """Text after the format in the id of the step that lowers the network."""

    truth_suffix: str = ""
    """The same text for the float file and the reference that the int8 file is compared with."""

    recovered: bool = False
    """Whether the quantizer reads files beside the checkpoint."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the rung for the quantizer; the target's own options have precedence."""

    layers: str | None = None
    """Id of the step that names the float layers; None if no layer stays in float."""


@dataclass(frozen=True)
class Attempt:
    """One way of making a target's file.

    Attributes:
        target: The target.
        rung: The rung of the recovery ladder; for a float target, the first.
        network: The exported network, with its references.
        steps: Ids of the steps that belong only to this attempt.
    """

    target: Target
    rung: Rung
    network: ExportedNetwork
    steps: tuple[str, ...] = ()

    def step(self, stage: str) -> str:
        """Return the id of the attempt's step of a stage."""
        suffix = "" if self.rung == FIRST else f"@{self.rung}"
        return f"{stage}:{self.target.name}{suffix}"

    @property
    def float_file(self) -> str:
        """Return the id of the step that lowers the network to the target's format."""
        return f"lower:{self.target.format}{self.network.suffix}"

    @property
    def model_file(self) -> str:
        """Return the id of the step that makes the target's file."""
        return self.float_file if self.target.precision == "fp32" else self.step("quantize")


@dataclass
class Plan:
    """The steps of a run.

    Attributes:
        pipeline: The planned pipeline.
        steps: All steps; every step comes after those that it reads.
        checkpoint: Id of the step that makes the exported network.
        has_eval: Whether there is an evaluation set.
        attempts: Attempts at each target, by name and in order.
        labelled: Datasets whose labels are used, by their names in the pipeline; they are no part of a file.
    """

    pipeline: Pipeline
    steps: list[AnyStep] = field(default_factory=list)
    checkpoint: str = "network"
    has_eval: bool = False
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    labelled: dict[str, ImageSource] = field(default_factory=dict, compare=False)

    def add(self, step: AnyStep) -> str:
        """Append a step and return its id; an existing step is not added again.

        A step that reads the network or its contract waits for the proof of the import, where there is one.
        """
        if step.id not in self:
            reads = {"network", "contract"} & set(step.inputs.values())
            waits = (IMPORTED,) if reads and IMPORTED in self else ()
            self.steps.append(replace(step, after=(*step.after, *waits)))
        return step.id

    def __contains__(self, step_id: str) -> bool:
        return any(known.id == step_id for known in self.steps)
