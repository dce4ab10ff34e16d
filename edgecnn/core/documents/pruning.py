"""Reports on pruning: the removed channels and the loss of accuracy."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue

from edgecnn.core.documents.document import Document, Number


class BeforeAfter(Document):
    """A cost of the whole network, such as its multiply-accumulates, before and after."""

    before: int | float
    after: int | float


class GroupWidth(Document):
    """Channels of a group of layers before and after."""

    name: str
    before: int
    after: int


class PruningStep(Document):
    """One pruning, and the method that chose the channels."""

    left_out: ClassVar[frozenset[str]] = frozenset({"measured"})

    importance: str
    """Measure of a channel's importance."""

    scope: str
    """``global`` or ``local``: whether groups are compared with each other."""

    multiple: int
    """Number whose multiples are the widths of layers."""

    macs: BeforeAfter
    """Multiply-accumulates of the original network, and now."""

    params: BeforeAfter
    """Its parameters."""

    at_least: bool
    """Whether every group is at its minimum, so that the cost cannot be lower."""

    groups: tuple[GroupWidth, ...]

    measured: MeasuredGoal | None = None
    """The search, if the goal is measured."""


class PruningProbe(Document):
    """A share of the cost that was tried."""

    asked: float
    """Requested share of the cost to leave."""

    share: float
    """Remaining share."""

    value: float
    """Measured value of the file."""

    at_least: bool
    """Whether every group was at its minimum."""


class MeasuredGoal(Document):
    """The search for a pruning with a measured goal."""

    target: str
    """The target whose file was measured."""

    goal: str
    """``size`` or ``latency``."""

    before: float
    limit: float
    after: float
    probes: tuple[PruningProbe, ...]


class SensitivityCurve(Document):
    """Accuracy against the pruned share of one group."""

    name: str
    """The group."""

    layers: tuple[str, ...]
    """Layers whose outputs the group is."""

    channels: int
    """Its number of channels."""

    shares: tuple[float, ...]
    """Pruned shares, in ascending order."""

    accuracy: tuple[Number, ...]
    """The task's metric at each."""


class SensitivityCurves(Document):
    """The curves of all groups."""

    metric: str
    """Name of the metric."""

    images: int
    """Number of training images."""

    whole: Number
    """The metric of the whole network."""

    groups: tuple[SensitivityCurve, ...]
    """One curve per group."""


class PruningReport(PruningStep):
    """All prunings of a pipeline, and the accuracy of the network at each step."""

    left_out: ClassVar[frozenset[str]] = frozenset(
        {"metric", "accuracy", "agreement", "sensitivity", "measured"}
    )

    goal: dict[str, JsonValue]
    """``macs``, ``params``, ``size`` or ``latency``, with the pipeline's value."""

    steps: int
    """Number of prunings."""

    epochs: int
    """Epochs of training after and between them."""

    metric: str = ""
    """Name of the task's metric; empty without evaluation images."""

    accuracy: dict[str, Number] = Field(default_factory=dict)
    """The metric of every network, by name; empty without evaluation images."""

    agreement: dict[str, Number] = Field(default_factory=dict)
    """Share of images on which each names the unpruned network's class; empty if there are no classes."""

    sensitivity: SensitivityCurves | None = None
    """Curves of every group, if the pipeline asked for them."""
