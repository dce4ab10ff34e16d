"""The summary of a run, with the results of its targets and steps."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from edgecnn.core.documents.accuracy import TaskMetrics
from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.document import Document, Maybe
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.ladder import RungResult
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.step_record import StepCost
from edgecnn.core.documents.training import TrainingSummary


class ErrorReport(Document):
    """An error in a report."""

    error: str
    """Name of its class."""

    message: str
    hint: str | None
    exit_code: int


class TargetSummary(Document):
    """The result of a target whose file was not made."""

    target: str
    ships: bool
    artifact: str | None = None
    """Directory of the artifact."""

    error: ErrorReport | None = None
    """Reason why it does not ship."""


class MadeTarget(TargetSummary):
    """The result of a target whose file was made: the most used parts of its manifest."""

    left_out: ClassVar[frozenset[str]] = frozenset({"manifest_digest", "warnings"})

    manifest_digest: str = ""
    """Digest of the manifest that this run published; empty in summaries of earlier versions."""

    size_bytes: int
    precision: str
    verification: list[Link]
    metrics: Maybe[TaskMetrics]
    latency: Maybe[LatencyRatio]
    ladder: list[RungResult] = Field(default_factory=list)
    isa_note: str = ""
    """Note on the figures if the file was quantized for another instruction set."""

    npu: Maybe[NpuReport] = None
    """The compiler's report without its layers."""

    simulated_by: str | None = None
    """The simulator that executed the file; None for real hardware."""

    memory_bytes: dict[str, int] = Field(default_factory=dict)
    """Memory that the runtime counts, by purpose."""

    budgets: list[BudgetResult] = Field(default_factory=list)
    warnings: tuple[str, ...] = ()
    """What is suspicious about the answers, such as one class for every image."""

    @property
    def arena(self) -> int:
        """Return the bytes of the interpreter's arena; 0 if it has none."""
        return self.memory_bytes.get("arena", 0)


class StepSummary(Document):
    """The result of a step."""

    id: str
    status: str
    key: str | None
    """Its key in the store; None if it was not made."""

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
    """Number of steps that were reused from the store."""

    training: TrainingSummary | None
    pruning: PruningReport | None
    targets: list[MadeTarget | TargetSummary]
    steps: list[StepSummary]
    host: Host
