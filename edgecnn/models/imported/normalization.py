"""Normalizations by what the values of the input itself are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.layers import Function
from edgecnn.models.imported.settings import integers, number, unsupported

if TYPE_CHECKING:
    from edgecnn.models.imported.graph import ImportedNode

_SMALLEST = 1e-30
_MOST_NEIGHBOURS = 256
_MEAN_VARIANCE_EPSILON = 1e-9


def batch_norm(node: ImportedNode) -> nn.Module:
    """Return the layer of a BatchNormalization node; ``rank`` is the rank of its input, 4 by default.

    Raises:
        InputError: Its input is neither rows nor maps.
    """
    rank = int(number(node, "rank", 4))
    if rank not in (2, 3, 4):
        raise unsupported(node, f"its input has {rank} dimensions")
    kind = nn.BatchNorm2d if rank == 4 else nn.BatchNorm1d
    return kind(node.weights["weight"][0], eps=number(node, "epsilon", 1e-5))


class InstanceNorm(nn.Module):
    """Normalization of every channel of every image by its own mean and variance.

    Args:
        channels: Number of channels.
        epsilon: Added to the variance.
    """

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self._epsilon = epsilon

    def forward(self, value: Tensor) -> Tensor:
        """Normalize maps ``[N, C, ...]``."""
        return functional.instance_norm(value, weight=self.weight, bias=self.bias, eps=self._epsilon)


def instance_norm(node: ImportedNode) -> nn.Module:
    """Return the layer of an InstanceNormalization node."""
    return InstanceNorm(node.weights["weight"][0], number(node, "epsilon", 1e-5))


def group_norm(node: ImportedNode) -> nn.Module:
    """Return the layer of a GroupNormalization node, whose weights are one value a channel."""
    groups = int(number(node, "num_groups", 0))
    return nn.GroupNorm(groups, node.weights["weight"][0], eps=number(node, "epsilon", 1e-5))


def layer_norm(node: ImportedNode) -> nn.Module:
    """Return the layer of a LayerNormalization node over the axes of its weights, which are the last ones."""
    shape = list(node.weights["weight"])
    return nn.LayerNorm(shape, eps=number(node, "epsilon", 1e-5), bias="bias" in node.weights)


def rms_norm(node: ImportedNode) -> nn.Module:
    """Return the layer of an RMSNormalization node over the axes of its weights, which are the last ones."""
    return nn.RMSNorm(list(node.weights["weight"]), eps=number(node, "epsilon", 1e-5))


def mean_variance(node: ImportedNode) -> nn.Module:
    """Return the module of a MeanVarianceNormalization node."""
    axes = integers(node, "axes")

    def normalized(value: Tensor) -> Tensor:
        centred = value - value.mean(axes, keepdim=True)
        deviation = torch.sqrt((centred * centred).mean(axes, keepdim=True))
        return centred / (deviation + _MEAN_VARIANCE_EPSILON)

    return Function(normalized)


def unit_length(node: ImportedNode) -> nn.Module:
    """Return the module of an LpNormalization node; vectors of zeros stay.

    Raises:
        InputError: Its norm is neither the first nor the second.
    """
    axis, order = int(number(node, "axis", -1)), int(number(node, "p", 2))
    if order not in (1, 2):
        raise unsupported(node, f"p is {order}")
    return Function(lambda value: functional.normalize(value, p=order, dim=axis, eps=_SMALLEST))


def local_response(node: ImportedNode) -> nn.Module:
    """Return the module of an LRN node: division by sums of squares over neighbouring channels.

    Raises:
        InputError: Its number of neighbours is out of range.
    """
    size = int(number(node, "size", 0))
    if not 1 <= size <= _MOST_NEIGHBOURS:
        raise unsupported(node, f"size is {size}")
    alpha, beta = number(node, "alpha", 1e-4), number(node, "beta", 0.75)
    bias, before = number(node, "bias", 1.0), (size - 1) // 2
    after = size - 1 - before

    def divided(value: Tensor) -> Tensor:
        channels, rest = value.shape[1], [0, 0] * (value.ndim - 2)
        squares = functional.pad(value * value, [*rest, before, after])
        parts = [squares.narrow(1, place, channels) for place in range(size)]
        sums = torch.stack(parts).sum(0)
        return value / (bias + alpha / size * sums) ** beta

    return Function(divided)
