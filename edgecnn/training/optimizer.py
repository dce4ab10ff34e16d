"""Optimizer and learning rate: functions of the settings and the step, so that they resume exactly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from edgecnn.core.config.training import OptimizerSettings


def build_optimizer(module: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Create the optimizer of all parameters; frozen ones get no gradient and therefore do not change.

    Weight decay is not applied to vectors (biases, scales of normalization layers).
    """
    parameters = list(module.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.name == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0
        )
    return torch.optim.AdamW(groups, lr=settings.lr, betas=(settings.momentum, 0.999))


def learning_rate(step: int, *, steps: int, warmup: int, peak: float, final: float) -> float:
    """Return the learning rate of a step: a linear warm-up, then half a cosine (Loshchilov, Hutter, 2017).

    Args:
        step: Index of the step, from 0.
        steps: Total number of steps.
        warmup: Steps of the warm-up; the last of them has the peak rate.
        peak: Largest learning rate.
        final: Final learning rate, as a share of the peak.

    >>> [round(learning_rate(s, steps=6, warmup=2, peak=1.0, final=0.0), 3) for s in range(6)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step + 1 - warmup) / max(1, steps - warmup)
    return peak * (final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
