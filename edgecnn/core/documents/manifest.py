"""The manifest of an artifact: its description, its origin, and its measurements."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, JsonValue, model_validator

from edgecnn.core.config.target import Target
from edgecnn.core.documents.accuracy import Answers, TaskMetrics
from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.document import Document, Maybe
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.inspection import Inspection, OpenModel
from edgecnn.core.documents.ladder import RungResult
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.measured import Measured
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.source import ModelOrigin
from edgecnn.core.documents.step_record import StepCost
from edgecnn.core.task import TaskDescription, with_task

SCHEMA = 1


class Manifest(Document):
    """Description, origin and measurements of an artifact."""

    left_out: ClassVar[frozenset[str]] = frozenset({"manifest_digest", "warnings"})

    schema_version: int = SCHEMA
    name: str
    """Name of the pipeline or network."""

    target: Target
    """The target, including the pipeline's changes."""

    model: str
    """Name of the model's main file, in the artifact's directory."""

    files: dict[str, str]
    """SHA-256 of every model file, by name."""

    size_bytes: int
    """Size of the shipped file: the compiled file if there is one, otherwise the model's files."""

    source: ModelOrigin
    """The network, and the origin of the file in the store."""

    contract: dict[str, JsonValue]
    """The preprocessing contract; see :class:`edgecnn.ondevice.contract.Contract`."""

    classes: list[str]
    precision: str
    """Precision, read back from the file."""

    inspection: Inspection
    """Operations, inputs and outputs, read back from the file."""

    task: TaskDescription
    """The network's task, and what the task must know of its outputs."""

    quantization: dict[str, JsonValue]
    """Scheme, ranges and calibration set, as the format describes them; empty for a float32 file."""

    pruning: Maybe[PruningReport] = None
    """Removed channels, pruning method, and the accuracy of the network at each step."""

    ladder: list[RungResult] = Field(default_factory=list)
    """Results of every rung of the recovery ladder; this file is the last rung's, or the best one's."""

    verification: list[Link]
    """The links of the verification chain, in their order."""

    metrics: Maybe[TaskMetrics]
    """Task metric in the shipping runtime and of fp32 PyTorch on the same images; None if not measured."""

    warnings: tuple[str, ...] = ()
    """What is suspicious about the answers, although no limit is missed; empty in earlier versions."""

    latency: Maybe[LatencyRatio]
    """Latency against the float32 file; None if not measured."""

    npu: Maybe[NpuReport] = None
    """The compiler's report; None if nothing was compiled."""

    runtime: Maybe[OpenModel] = None
    """The shipping runtime's description of itself and its memory."""

    answers: Maybe[Answers] = None
    """Digest of the evaluation set and which of its images were right, for paired tests."""

    measured: Measured = Field(default_factory=Measured)
    """Every value that can have a budget."""

    budgets: list[BudgetResult]
    """Every budget with its measured value."""

    costs: dict[str, StepCost]
    """Seconds and peak memory of the stages that made the artifact."""

    host: Maybe[Host]
    """The machine that verified and measured."""

    tools: dict[str, str]
    """Versions of the packages that made and ran the file."""

    manifest_digest: str = ""
    """Digest of all other fields, as they are written. Empty in manifests of earlier versions."""

    @property
    def missing_links(self) -> tuple[int, ...]:
        """Return the links that this artifact needs and has no result of; those after a broken one are none.

        Every file needs link 1, one with fewer bits than float32 links 2 and 3 too, one that was evaluated
        link 4, and one that was made of a model file link 0.
        """
        if not all(link.passed for link in self.verification):
            return ()
        needed = [0] if self.source.builder.startswith("onnx:") else []
        needed += [1] if self.precision == "fp32" else [1, 2, 3]
        needed += [] if self.answers is None else [4]
        there = {link.number for link in self.verification}
        return tuple(number for number in needed if number not in there)

    @model_validator(mode="before")
    @classmethod
    def _of_before_tasks(cls, data: Any) -> Any:
        """Read a manifest from before tasks were named, which may describe a detector."""
        return with_task(data) if isinstance(data, dict) else data
