"""The summary of a run: what became of every target and of every step."""

from __future__ import annotations

from pydantic import Field

from edgecnn.core.documents.accuracy import TaskMetrics
from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.costs import StepCost
from edgecnn.core.documents.document import Document, Maybe
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.ladder import RungResult
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.training import TrainingSummary


class ErrorReport(Document):
    """An error as it was reported."""

    error: str
    """Name of its class."""

    message: str
    hint: str | None
    exit_code: int


class TargetSummary(Document):
    """What became of a target that was never made."""

    target: str
    ships: bool
    artifact: str | None = None
    """Directory of the artifact."""

    error: ErrorReport | None = None
    """Why it does not ship."""


class MadeTarget(TargetSummary):
    """What became of a target whose file was made: what is asked for most of its manifest."""

    size_bytes: int
    precision: str
    verification: list[Link]
    metrics: Maybe[TaskMetrics]
    latency: Maybe[LatencyRatio]
    ladder: list[RungResult] = Field(default_factory=list)
    isa_note: str = ""
    """What the figures are worth where the file was quantized for another instruction set."""

    npu: Maybe[NpuReport] = None
    """The compiler's report, less its layers."""

    simulated_by: str | None = None
    """The simulator that executed the file; None on its own hardware."""

    memory_bytes: dict[str, int] = Field(default_factory=dict)
    """Memory that the runtime counts itself, by what it is for."""

    budgets: list[BudgetResult] = Field(default_factory=list)

    @property
    def arena(self) -> int:
        """Bytes of the interpreter's arena; 0 where it has none."""
        return self.memory_bytes.get("arena", 0)


class StepSummary(Document):
    """What became of a step."""

    id: str
    status: str
    key: str | None
    """Its key in the store; None where it was not made."""

    seconds: float
    costs: dict[str, StepCost]


class RunSummary(Document):
    """A run; ``summary.json`` holds it."""

    name: str
    """Name of the pipeline."""

    directory: str
    edgecnn: str
    """Version that ran it."""

    seconds: float
    """Wall time."""

    reused: int
    """Number of steps that were not made again."""

    training: TrainingSummary | None
    pruning: PruningReport | None
    targets: list[MadeTarget | TargetSummary]
    steps: list[StepSummary]
    host: Host
