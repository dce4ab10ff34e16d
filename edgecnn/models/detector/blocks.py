"""The blocks of neck and heads; they only use operations that int8 accelerators support."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["relu6", "hard-swish"]
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu6": nn.ReLU6, "hard-swish": nn.Hardswish}


class ConvNorm(nn.Sequential):
    """Convolution, batch normalization, activation.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Size of the kernel.
        stride: Stride.
        groups: Groups of channels.
        activation: Name of the activation.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        activation: Activation,
    ) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            ACTIVATIONS[activation](),
        )


class Separable(nn.Sequential):
    """Depthwise 5x5, then pointwise convolution: a large receptive field at low cost (NanoDet, PicoDet)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, activation: Activation) -> None:
        super().__init__(
            ConvNorm(inputs, inputs, 5, stride, inputs, activation=activation),
            ConvNorm(inputs, outputs, activation=activation),
        )


class Merge(nn.Module):
    """Join two feature maps: a cross-stage partial block without channel splits (Wang et al. 2019).

    Two pointwise convolutions replace a split, whose slices cost copies on most runtimes.

    Args:
        inputs: Channels of both maps, summed.
        outputs: Output channels.
        depth: Separable convolutions in a row.
        activation: Name of the activation.
    """

    def __init__(self, inputs: int, outputs: int, depth: int, *, activation: Activation) -> None:
        super().__init__()
        half = outputs // 2
        self.skip = ConvNorm(inputs, half, activation=activation)
        self.enter = ConvNorm(inputs, half, activation=activation)
        self.steps = nn.Sequential(*(Separable(half, half, activation=activation) for _ in range(depth)))
        self.leave = ConvNorm(2 * half, outputs, activation=activation)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Join ``[N, a, H, W]`` and ``[N, b, H, W]`` into ``[N, outputs, H, W]``."""
        both = torch.cat([first, second], dim=1)
        merged: Tensor = self.leave(torch.cat([self.skip(both), self.steps(self.enter(both))], dim=1))
        return merged
