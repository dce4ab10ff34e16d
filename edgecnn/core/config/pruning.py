"""How a network is pruned and trained on: the ``prune`` section of a pipeline."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edgecnn.core.config.base import Schema
from edgecnn.core.config.qat import DistillSettings
from edgecnn.core.config.quantities import Fraction, Size
from edgecnn.core.config.training import AugmentSettings, FurtherTraining, TrainSettings

Importance = Literal["l1", "l2", "taylor", "bn", "lamp"]
"""What a channel is worth: norms of its weights, the loss without it, its batch norm's scale, or LAMP."""

Scope = Literal["global", "local", "sensitivity"]
"""How layers share the loss: all channels compared, the same share everywhere, or as accuracy bears it."""

Share = Annotated[Fraction, Field(gt=0, lt=1)]
"""What is left, as a share such as 0.5; may be written as ``50 %``."""

GOALS = ("macs", "params", "size", "latency")


class SizeGoal(Schema):
    """How large a target's file may be; a bare size is that of the pipeline's first target."""

    limit: Size
    """Most bytes of the file, such as ``300 kB``."""

    target: str | None = None
    """The target whose file is measured."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"limit": value}


class LatencyGoal(Schema):
    """How fast a target's file must be, measured while the network is being pruned."""

    target: str
    """One of the pipeline's targets, whose runtime is here."""

    ratio: Share
    """Latency as a share of the unpruned network's, in the same format and precision."""

    seconds: float = Field(default=10.0, gt=0, le=3600)
    """Time after which no further worker processes of one comparison are started."""


class PruneDistillSettings(DistillSettings):
    """Knowledge distillation from the network before it was pruned."""

    weight: float = Field(default=0.5, ge=0, le=1)
    """The teacher's share of the loss; the labels have the rest. A detector is taught by features only."""

    features: float = Field(default=0.0, ge=0, le=10_000)
    """Weight of attention transfer: how much the feature maps of every resolution shall resemble the
    teacher's; 0 is off."""

    @model_validator(mode="after")
    def _teaches(self) -> Self:
        if not self.weight and not self.features:
            raise ValueError("weight and features are both 0: nothing is taught")
        return self


class PruneSettings(FurtherTraining):
    """Structured pruning to exactly one of ``macs``, ``params``, ``size`` and ``latency``, then training."""

    macs: Share | None = None
    """Share of the multiply-accumulates that are left, at most."""

    params: Share | None = None
    """Share of the parameters that are left, at most."""

    size: SizeGoal | None = None
    """Size of a target's file, at most, such as ``300 kB``."""

    latency: LatencyGoal | None = None
    """Latency on a target, at most, such as ``{target: onnx-int8, ratio: 0.6}``."""

    importance: Importance = "taylor"
    """What a channel is worth: ``taylor``, ``l1``, ``l2``, ``bn`` or ``lamp``."""

    scope: Scope = "global"
    """How the loss of channels is shared among layers: over all of them, in each alike, or by sensitivity."""

    multiple: int | None = Field(default=None, ge=1, le=1024)
    """Layers keep multiples of so many channels; those of the targets when not given, 1 for any number."""

    steps: int = Field(default=1, ge=1, le=100)
    """Prunings on the way, with training between them."""

    step_epochs: int = Field(default=1, ge=1, le=10_000)
    """Epochs between two prunings."""

    sensitivity: bool = False
    """Whether every layer's accuracy against its pruned share is measured for the report; it always is where
    the scope needs it."""

    images: int = Field(default=1024, ge=8, le=100_000)
    """Training images that importance, sensitivity and statistics of batch norm are measured on; calibration
    images where there is no training set."""

    epochs: int = Field(default=5, ge=0, le=10_000)
    """Epochs of training after and between the prunings, all together; 0 for none."""

    lr: float = Field(default=1e-3, gt=0, le=100)
    """Learning rate at the end of the warm-up; with as many epochs as the training had, its own learning rate
    regains more than a small one (Renda, Frankle and Carbin, ICLR 2020)."""

    batch_size: int | None = Field(default=None, ge=1, le=65_536)
    """Images in a step; as in ``train`` when not given."""

    augment: AugmentSettings | None = None
    """Random changes of the images; as in ``train`` when not given."""

    distill: PruneDistillSettings | None = None
    """Knowledge distillation from the unpruned network; off when not given."""

    control: bool = False
    """Whether the unpruned network is trained the same number of further epochs, to compare with."""

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
        """Name of what the network is pruned to."""
        return next(name for name in GOALS if getattr(self, name) is not None)

    @property
    def goal_target(self) -> str | None:
        """Name of the target that the goal is measured on, where one is named."""
        goal = self.size or self.latency
        return None if goal is None else goal.target

    def window(self, step: int) -> tuple[int, int]:
        """Return the first epoch after a pruning, and the one before which the next follows.

        Args:
            step: Number of the pruning, from 1.
        """
        first = (step - 1) * self.step_epochs
        return first, self.epochs if step == self.steps else first + self.step_epochs

    def training(self, train: TrainSettings | None) -> TrainSettings:
        """Return the settings of the training loop, with the batches and augmentation that are given here."""
        own = {"batch_size": self.batch_size, "augment": self.augment}
        given = {name: value for name, value in own.items() if value is not None}
        return super().training(train).model_copy(update=given)
