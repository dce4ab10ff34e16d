"""Training for int8: the ``qat`` section of a pipeline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgecnn.core.config.base import Schema
from edgecnn.core.config.training import FurtherTraining, TrainSettings


class DistillSettings(Schema):
    """Knowledge distillation from the network before it was quantized."""

    weight: float = Field(default=0.5, gt=0, le=1)
    """The teacher's share of the loss; the labels have the rest."""

    temperature: float = Field(default=2.0, gt=0, le=100)
    """Softens both networks' class probabilities if it is over 1."""


class QatSettings(FurtherTraining):
    """Quantization-aware training, with a float fine-tuning of equal steps for comparison.

    ``ema`` averages activation ranges as well.
    """

    epochs: int = Field(default=1, ge=1, le=10_000)
    """Epochs of training with simulated quantization."""

    lr: float = Field(default=3e-4, gt=0, le=100)
    """Learning rate at the end of the warm-up."""

    distill: DistillSettings | None = None
    """Knowledge distillation from the float network; off by default."""

    scheme: Literal["symmetric", "pair-safe"] = "pair-safe"
    """Grid of the weights. ``pair-safe`` saturates on no CPU; ``symmetric`` is finer by about a fifth, and
    only for TFLite, Arm and x86 with VNNI."""

    freeze_ranges: float = Field(default=0.5, ge=0, le=1)
    """Share of the steps after which activation ranges are estimated for the last time."""

    freeze_batch_norm: float = Field(default=0.5, ge=0, le=1)
    """Share of the steps after which batch norm uses its running statistics, as in the exported file."""

    def training(self, train: TrainSettings | None) -> TrainSettings:
        """Return the settings of the training loop, with images of one size, as the captured graph needs."""
        settings = super().training(train)
        return settings.model_copy(update={"augment": settings.augment.of_one_size()})
