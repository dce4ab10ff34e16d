"""The task metric of a file in its shipping runtime, and the answers that later runs are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field

from edgecnn.core.documents.document import Document, Number

if TYPE_CHECKING:
    from collections.abc import Mapping


class TaskMetrics(Document):
    """The task metric in the shipping runtime and of fp32 PyTorch on the same images.

    Further metrics of a task, such as AP50, are stored beside these fields under their names.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number] = Field(init=False)

    left_out: ClassVar[frozenset[str]] = frozenset({"unpruned", "unpruned_drop"})

    metric: str
    """Name of the metric."""

    value: Number
    """Metric in the shipping runtime."""

    fp32: Number
    """Metric of fp32 PyTorch."""

    unpruned: Number | None = None
    """Metric of the network before it was pruned."""

    unpruned_drop: Number | None = None
    """Loss against the network before it was pruned."""

    drop: Number
    """Loss against fp32 PyTorch; negative for a gain."""

    drop_interval: tuple[Number, Number]
    """Paired confidence interval of the loss."""

    agreement: Number
    """Share of the answers that both give."""

    n: int
    """Number of images."""

    seconds: float
    """Wall time of the evaluation."""

    images_per_second: float
    peak_bytes: int
    """Peak memory of the worker."""

    data: str | None
    """The dataset, as the pipeline names it."""

    @property
    def besides(self) -> Mapping[str, float]:
        """Return the task's further metrics, by name."""
        return self.__pydantic_extra__ or {}


class Answers(Document):
    """Answers of the shipping runtime on the evaluation set, for paired tests with later runs.

    The task defines their form: one bit per image, or the metric on resampled images.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | str] = Field(init=False)

    images: int
    """Number of images."""

    digest: str
    """Digest of the evaluation set."""

    @property
    def of_task(self) -> Mapping[str, float | str]:
        """Return the task's record of the answers."""
        return self.__pydantic_extra__ or {}


class EvalResult(Document):
    """The task metric of an artifact on a set of images."""

    artifact: str
    """Its directory."""

    target: str
    metric: str
    """Name of the metric: ``top1``, or ``ap`` (AP50:95) of a detector."""

    value: float
    """The metric, 0 to 1."""

    values: dict[str, float]
    """The metric and others by name: ``top5``, or ``ap50`` of a detector."""

    n: int
    """Number of images."""

    seconds: float
    """Wall time of preprocessing by table, inference and storing; decoding comes before."""

    images_per_second: float
    data: str
    """The dataset."""

    fp32: float | None
    """The metric of fp32 PyTorch when the artifact was made, if the same dataset was used."""

    simulated_by: str | None
    """The runtime, if it simulates other hardware; the speed is then the simulator's."""

    isa_note: str
    """A warning about the figures if the file was quantized for another instruction set."""

    warnings: tuple[str, ...] = ()
    """What is suspicious about the answers, such as the same class for every image."""

    drawn: str | None = None
    """Folder of the pictures with boxes, if they were requested."""
