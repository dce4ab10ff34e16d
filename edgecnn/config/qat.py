"""How a network is trained for int8: the ``qat`` section of a pipeline."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from edgecnn.config.base import Schema
from edgecnn.config.training import TrainSettings, TransferSettings


class DistillSettings(Schema):
    """Knowledge distillation from the network before it was quantized."""

    weight: float = Field(default=0.5, gt=0, le=1)
    """The teacher's share of the loss; the labels have the rest."""

    temperature: float = Field(default=2.0, gt=0, le=100)
    """Softens both networks' class probabilities where it is over 1."""


class QatSettings(Schema):
    """Quantization-aware training, and the float fine-tuning of equal steps beside it.

    What is not said here (batch size, augmentation, optimizer, device, ...) is as in ``train``.
    """

    epochs: int = Field(default=1, ge=1, le=10_000)

    lr: float = Field(default=3e-4, gt=0, le=100)
    """Learning rate at the end of the warm-up; a tenth of the training's is a good start."""

    warmup_epochs: float = Field(default=0.1, ge=0)
    """Length of the linear warm-up of the learning rate; a cosine follows it."""

    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay a step of an exponential moving average of weights and ranges; the average is the result."""

    clip_norm: float | None = Field(default=None, gt=0)
    """Largest L2 norm of the gradient; longer ones are scaled down to it."""

    distill: DistillSettings | None = None

    scheme: Literal["symmetric", "pair-safe"] = "pair-safe"
    """Grid of the weights. ``pair-safe`` saturates on no CPU; ``symmetric`` is finer by a fifth or so, and
    for TFLite, Arm and x86 with VNNI only."""

    freeze_ranges: float = Field(default=0.5, ge=0, le=1)
    """Share of the steps after which activation ranges are estimated once more, and stay."""

    freeze_batch_norm: float = Field(default=0.5, ge=0, le=1)
    """Share of the steps after which batch norm uses its running statistics, as the exported file will."""

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs:g} leaves nothing of {self.epochs} epochs")
        return self

    def training(self, train: TrainSettings | None) -> TrainSettings:
        """Return the settings of the training loop.

        Args:
            train: How the network was trained before; None where it came trained.
        """
        base = train or TrainSettings(epochs=self.epochs)
        return base.model_copy(
            update={
                "epochs": self.epochs,
                "optimizer": base.optimizer.model_copy(update={"lr": self.lr}),
                "warmup_epochs": self.warmup_epochs,
                "ema": self.ema,
                "clip_norm": self.clip_norm,
                "transfer": TransferSettings(),
                "augment": base.augment.of_one_size(),
            }
        )
