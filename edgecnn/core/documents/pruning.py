"""What pruning took from a network, and what it cost."""

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
    """What one pruning took, and how its channels were chosen."""

    left_out: ClassVar[frozenset[str]] = frozenset({"measured"})

    importance: str
    """Measure of a channel's worth."""

    scope: str
    """``global`` or ``local``: whether groups compete with each other."""

    multiple: int
    """Numbers of channels that layers keep are multiples of this."""

    macs: BeforeAfter
    """Multiply-accumulates of the network as it was at first, and now."""

    params: BeforeAfter
    """Its parameters."""

    at_least: bool
    """Whether every group is at its least, so that no less can be reached."""

    groups: tuple[GroupWidth, ...]

    measured: MeasuredGoal | None = None
    """How it got there, where the goal is measured."""


class PruningProbe(Document):
    """A share of the cost that was tried."""

    asked: float
    """What the pruning was asked to leave, as a share."""

    share: float
    """What it left."""

    value: float
    """What was measured of the file."""

    at_least: bool
    """Whether every group was at its least."""


class MeasuredGoal(Document):
    """How a pruning to a measured goal got there."""

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
    """How many channels it has."""

    shares: tuple[float, ...]
    """Pruned shares, in ascending order."""

    accuracy: tuple[Number, ...]
    """The task's metric at each."""


class SensitivityCurves(Document):
    """The curves of all groups."""

    metric: str
    """What is measured."""

    images: int
    """On how many training images."""

    whole: Number
    """The metric of the whole network."""

    groups: tuple[SensitivityCurve, ...]
    """A curve a group."""


class PruningReport(PruningStep):
    """What all prunings of a pipeline took, and the accuracy of the network on the way."""

    left_out: ClassVar[frozenset[str]] = frozenset(
        {"metric", "accuracy", "agreement", "sensitivity", "measured"}
    )

    goal: dict[str, JsonValue]
    """``macs``, ``params``, ``size`` or ``latency``, with what the pipeline asks of it."""

    steps: int
    """Number of prunings."""

    epochs: int
    """Epochs of training after and between them."""

    metric: str = ""
    """Name of the task's metric; empty without evaluation images."""

    accuracy: dict[str, Number] = Field(default_factory=dict)
    """The metric of every network on the way, by name; empty without evaluation images."""

    agreement: dict[str, Number] = Field(default_factory=dict)
    """How often each names the unpruned network's class; empty where the task has no classes."""

    sensitivity: SensitivityCurves | None = None
    """Curves of every group, where the pipeline asked for them."""
