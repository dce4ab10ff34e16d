"""Exponential moving average of a network's weights and batch normalization statistics."""

from __future__ import annotations

import copy

import torch
from torch import nn


class AveragedWeights:
    """A copy of a network whose weights are the moving average of the network's (Polyak averaging).

    Initial weights would dominate early averages, so the decay starts low: ``min(decay, (1 + n) / (10 + n))``
    at the n-th update, as in TensorFlow's ``ExponentialMovingAverage``.

    Args:
        module: The network being trained.
        decay: Share of the old average that each update keeps, within (0, 1).

    Attributes:
        module: The averaged copy, in evaluation mode.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, updates: int) -> None:
        """Update the average with the weights of ``module``.

        Args:
            module: The network after its optimizer step.
            updates: Number of updates before this one, which is the number of steps.
        """
        decay = min(self._decay, (1 + updates) / (10 + updates))
        average, current = self.module.state_dict(), module.state_dict()
        floats = [name for name, value in average.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [average[name] for name in floats], [current[name] for name in floats], 1.0 - decay
        )
        for name in average.keys() - floats:
            average[name].copy_(current[name])
