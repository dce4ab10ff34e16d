"""Optimizer and learning rate: both are functions of the settings and the step, so they resume exactly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from edgecnn.core.config.training import OptimizerSettings


def build_optimizer(module: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Make the optimizer of all parameters, frozen ones too: they get no gradient and so no step.

    Vectors (biases, scales of normalization layers) are exempt from weight decay.
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
        step: Number of the step, from 0.
        steps: Number of all steps.
        warmup: Steps of the warm-up; the last of them has the peak.
        peak: Largest learning rate.
        final: Share of the peak that the cosine ends at.

    >>> [round(learning_rate(s, steps=6, warmup=2, peak=1.0, final=0.0), 3) for s in range(6)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step + 1 - warmup) / max(1, steps - warmup)
    return peak * (final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
