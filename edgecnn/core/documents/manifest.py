"""The manifest of an artifact: what it is, where it came from, and what was measured."""

from __future__ import annotations

from typing import Any

from pydantic import Field, JsonValue, model_validator

from edgecnn.core.config.target import Target
from edgecnn.core.documents.accuracy import Answers, TaskMetrics
from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.costs import StepCost
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
from edgecnn.core.task import TaskDescription, with_task

SCHEMA = 1


class Manifest(Document):
    """What an artifact is, where it came from and what was measured."""

    schema_version: int = SCHEMA
    name: str
    """Name of the pipeline or network."""

    target: Target
    """The target with everything that the pipeline changed in it."""

    model: str
    """Name of the model's main file, in the artifact's directory."""

    files: dict[str, str]
    """Every model file's sha256, by name."""

    size_bytes: int
    """Of what goes to the device: the compiled file where there is one, else the model's files."""

    source: ModelOrigin
    """The network, and where the store has what the file was made from."""

    contract: dict[str, JsonValue]
    """The preprocessing contract; see :class:`edgecnn.ondevice.contract.Contract`."""

    classes: list[str]
    precision: str
    """Read back from the file."""

    inspection: Inspection
    """Operations, inputs and outputs, read back from the file."""

    task: TaskDescription
    """What the network is for, and what its task must know of its outputs."""

    quantization: dict[str, JsonValue]
    """Scheme, ranges and calibration set, in the format's own words; empty for a float32 file."""

    pruning: Maybe[PruningReport] = None
    """What was pruned, how, and the accuracy of the network on the way."""

    ladder: list[RungResult] = Field(default_factory=list)
    """What every rung of the recovery ladder came to; the last is this file's, or the best of them is."""

    verification: list[Link]
    """The links of the verification chain, in their order."""

    metrics: Maybe[TaskMetrics]
    """Task metric in the shipping runtime and of fp32 PyTorch on the same images; None if not measured."""

    latency: Maybe[LatencyRatio]
    """Latency against the float32 file; None if not measured."""

    npu: Maybe[NpuReport] = None
    """The compiler's report; None where nothing was compiled."""

    runtime: Maybe[OpenModel] = None
    """What the shipping runtime said of itself and of the memory that it takes."""

    answers: Maybe[Answers] = None
    """Digest of the evaluation set and which of its images were right, for paired tests."""

    measured: Measured = Field(default_factory=Measured)
    """Every value that a budget can bind, whether one does or not."""

    budgets: list[BudgetResult]
    """Every budget with its measured value."""

    costs: dict[str, StepCost]
    """Seconds and peak memory of the stages that made the artifact."""

    host: Maybe[Host]
    """The machine that verified and measured."""

    tools: dict[str, str]
    """Versions of the packages that made and ran the file."""

    @model_validator(mode="before")
    @classmethod
    def _of_before_tasks(cls, data: Any) -> Any:
        """Read a manifest of before it named a task: it may describe a detector."""
        return with_task(data) if isinstance(data, dict) else data
