"""Pruning and further training: the ``prune`` section of a pipeline."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edgecnn.core.config.base import Schema
from edgecnn.core.config.qat import DistillSettings
from edgecnn.core.config.quantities import Fraction, Size
from edgecnn.core.config.training import AugmentSettings, FurtherTraining, TrainSettings

Importance = Literal["l1", "l2", "taylor", "bn", "lamp"]
"""Importance of a channel: norms of its weights, the loss without it, its batch norm's scale, or LAMP."""

Scope = Literal["global", "local", "sensitivity"]
"""Division among layers: all channels compared, the same share everywhere, or by the loss of accuracy."""

Share = Annotated[Fraction, Field(gt=0, lt=1)]
"""The remaining share, such as 0.5; may be written as ``50 %``."""

GOALS = ("macs", "params", "size", "latency")


class SizeGoal(Schema):
    """Goal for the size of a target's file; a bare size is for the pipeline's first target."""

    limit: Size
    """Largest size of the file, such as ``300 kB``."""

    target: str | None = None
    """The target whose file is measured."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"limit": value}


class LatencyGoal(Schema):
    """Goal for the latency of a target's file, measured while the network is pruned."""

    target: str
    """One of the pipeline's targets whose runtime is installed here."""

    ratio: Share
    """Latency as a share of the unpruned network's, in the same format and precision."""

    seconds: float = Field(default=10.0, gt=0, le=3600)
    """Time after which no further worker processes of one comparison are started."""


class PruneDistillSettings(DistillSettings):
    """Knowledge distillation from the network before it was pruned."""

    weight: float = Field(default=0.5, ge=0, le=1)
    """The teacher's share of the loss; the labels have the rest. Detectors learn from features only."""

    features: float = Field(default=0.0, ge=0, le=10_000)
    """Weight of attention transfer, which makes the feature maps of every resolution resemble the teacher's;
    0 disables it."""

    @model_validator(mode="after")
    def _teaches(self) -> Self:
        if not self.weight and not self.features:
            raise ValueError("weight and features are both 0, so the teacher has no effect")
        return self


class PruneSettings(FurtherTraining):
    """Structured pruning to exactly one of ``macs``, ``params``, ``size`` and ``latency``, then training."""

    macs: Share | None = None
    """Largest share of the multiply-accumulates that is left."""

    params: Share | None = None
    """Largest share of the parameters that is left."""

    size: SizeGoal | None = None
    """Largest size of a target's file, such as ``300 kB``."""

    latency: LatencyGoal | None = None
    """Largest latency on a target, such as ``{target: onnx-int8, ratio: 0.6}``."""

    importance: Importance = "taylor"
    """Measure of a channel's importance: ``taylor``, ``l1``, ``l2``, ``bn`` or ``lamp``."""

    scope: Scope = "global"
    """Division of the removed channels among layers: over all of them, in each alike, or by sensitivity."""

    multiple: int | None = Field(default=None, ge=1, le=1024)
    """Widths are multiples of this number, by default that of the targets; 1 allows any width."""

    steps: int = Field(default=1, ge=1, le=100)
    """Number of prunings, with training between them."""

    step_epochs: int = Field(default=1, ge=1, le=10_000)
    """Epochs between two prunings."""

    sensitivity: bool = False
    """Whether the report gets every layer's accuracy against its pruned share; it is always measured if the
    scope needs it."""

    images: int = Field(default=1024, ge=8, le=100_000)
    """Number of training images for importance, sensitivity and batch norm statistics; calibration images if
    there is no training set."""

    epochs: int = Field(default=5, ge=0, le=10_000)
    """Epochs of training after and between the prunings, in total; 0 for none."""

    lr: float = Field(default=1e-3, gt=0, le=100)
    """Learning rate at the end of the warm-up; with as many epochs as the training had, the training's
    own rate regains more accuracy than a small one (Renda, Frankle and Carbin, ICLR 2020)."""

    batch_size: int | None = Field(default=None, ge=1, le=65_536)
    """Images in a step; by default as in ``train``."""

    augment: AugmentSettings | None = None
    """Random changes of the images; by default as in ``train``."""

    distill: PruneDistillSettings | None = None
    """Knowledge distillation from the unpruned network; off by default."""

    control: bool = False
    """Whether the unpruned network is trained for the same number of further epochs, for comparison."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        given = [name for name in GOALS if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"{' and '.join(given)} are" if given else "none is"
            raise ValueError(f"exactly one of {', '.join(GOALS)} is needed, and {found} given")
        between = (self.steps - 1) * self.step_epochs
        if self.steps > 1 and between >= self.epochs:
            raise ValueError(
                f"{self.steps} steps of {self.step_epochs} epochs leave nothing of {self.epochs}"
            )
        if not self.epochs and (self.distill is not None or self.control):
            raise ValueError("distill and control need epochs")
        return self

    @property
    def goal(self) -> str:
        """Return the name of the quantity that has a goal."""
        return next(name for name in GOALS if getattr(self, name) is not None)

    @property
    def goal_target(self) -> str | None:
        """Return the name of the target on which the goal is measured, if one is named."""
        goal = self.size or self.latency
        return None if goal is None else goal.target

    def window(self, step: int) -> tuple[int, int]:
        """Return the first epoch after a pruning, and the epoch before which the next pruning follows.

        Args:
            step: Index of the pruning, from 1.
        """
        first = (step - 1) * self.step_epochs
        return first, self.epochs if step == self.steps else first + self.step_epochs

    def training(self, train: TrainSettings | None) -> TrainSettings:
        """Return the settings of the training loop, with this section's batches and augmentation."""
        own = {"batch_size": self.batch_size, "augment": self.augment}
        given = {name: value for name, value in own.items() if value is not None}
        return super().training(train).model_copy(update=given)
