"""Losses of classifiers: cross entropy with the labels, and distillation from a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True)
class CrossEntropy:
    """Cross entropy with the labels.

    Attributes:
        label_smoothing: Share of the probability that is spread over all classes.
    """

    label_smoothing: float = 0.0

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return nothing: the smoothing is part of the training's settings."""
        return {"name": "classification"}

    def to(self, device: torch.device) -> None:
        """Hold nothing."""

    def before_step(self, share: float) -> None:
        """Change nothing."""

    def loss(self, inputs: Tensor, logits: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG002
        """Return the mean cross entropy."""
        return cross_entropy(logits.float(), targets, label_smoothing=self.label_smoothing)


@dataclass(frozen=True)
class Distillation:
    """Knowledge distillation: a teacher's logits beside the labels (Hinton et al. 2015, arXiv:1503.02531).

    The loss is ``(1 - weight) * labels + weight * T**2 * KL(teacher || student)``, both softened by the
    temperature ``T``; its square keeps both gradients of the same size at any temperature.

    Attributes:
        teacher: A network with the same outputs; it is put into evaluation mode and does not train.
        labels: Method of the labels' share of the loss.
        weight: The teacher's share of the loss, within (0, 1].
        temperature: Softens both distributions if it is over 1.
    """

    teacher: nn.Module
    labels: CrossEntropy
    weight: float
    temperature: float

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return the teacher's weight; the teacher's identity follows from the step's inputs."""
        return {"name": "distillation", "weight": self.weight, "temperature": self.temperature}

    def to(self, device: torch.device) -> None:
        """Move the teacher."""
        self.teacher.to(device).to(memory_format=torch.channels_last)
        self.teacher.eval()

    def before_step(self, share: float) -> None:
        """Change nothing."""

    def loss(self, inputs: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted sum of cross entropy and softened Kullback-Leibler divergence."""
        with torch.no_grad():
            taught = log_softmax(self.teacher(inputs).float() / self.temperature, dim=1)
        answered = log_softmax(logits.float() / self.temperature, dim=1)
        distance = kl_div(answered, taught, reduction="batchmean", log_target=True)
        return (1.0 - self.weight) * self.labels.loss(inputs, logits, targets) + (
            self.weight * self.temperature**2 * distance
        )
