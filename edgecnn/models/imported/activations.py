"""Activations with settings or slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.layers import Function
from edgecnn.models.imported.settings import number, unsupported, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.models.imported.graph import ImportedNode

_SELU_ALPHA = 1.67326319217681884765625
_SELU_GAMMA = 1.05070102214813232421875
"""The defaults of ONNX, which are those of torch."""


class SlopedRelu(nn.Module):
    """A leaky ReLU whose slopes are broadcast over the axes of its input.

    Args:
        shape: Shape of the slopes.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(tuple(shape)))

    def forward(self, value: Tensor) -> Tensor:
        """Multiply what is below 0 with the slopes."""
        return torch.where(value < 0, value * self.slope, value)


def clip(node: ImportedNode) -> nn.Module:
    """Return the module of a Clip node."""
    low, high = number(node, "min", float("-inf")), number(node, "max", float("inf"))
    if (low, high) == (0.0, 6.0):
        return nn.ReLU6()
    return Function(lambda value: value.clamp(low, high))


def hard_sigmoid(node: ImportedNode) -> nn.Module:
    """Return the module of a HardSigmoid node."""
    alpha, beta = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return nn.Hardsigmoid()
    return Function(lambda value: (alpha * value + beta).clamp(0.0, 1.0))


def sloped_relu(node: ImportedNode) -> nn.Module:
    """Return the module of a PRelu node: with the weights ``weight`` one slope a channel, else ``slope``."""
    if "weight" in node.weights:
        return nn.PReLU(node.weights["weight"][0])
    return SlopedRelu(node.weights["slope"])


def selu(node: ImportedNode) -> nn.Module:
    """Return the module of a Selu node."""
    alpha, gamma = number(node, "alpha", _SELU_ALPHA), number(node, "gamma", _SELU_GAMMA)
    if abs(alpha - _SELU_ALPHA) < 1e-6 and abs(gamma - _SELU_GAMMA) < 1e-6:
        return nn.SELU()
    return Function(lambda value: gamma * functional.elu(value, alpha))


def celu(node: ImportedNode) -> nn.Module:
    """Return the module of a Celu node.

    Raises:
        InputError: Its alpha is 0.
    """
    alpha = number(node, "alpha", 1.0)
    if alpha == 0:
        raise unsupported(node, "alpha is 0")
    return nn.CELU(alpha)


def thresholded_relu(node: ImportedNode) -> nn.Module:
    """Return the module of a ThresholdedRelu node."""
    return nn.Threshold(number(node, "alpha", 1.0), 0.0)


def shrink(node: ImportedNode) -> nn.Module:
    """Return the module of a Shrink node."""
    bias, limit = number(node, "bias", 0.0), number(node, "lambd", 0.5)

    def shrunk(value: Tensor) -> Tensor:
        inside = torch.where(value > limit, value - bias, torch.zeros_like(value))
        return torch.where(value < -limit, value + bias, inside)

    return Function(shrunk)


def gelu(node: ImportedNode) -> nn.Module:
    """Return the module of a Gelu node.

    Raises:
        InputError: Its way to approximate is not known.
    """
    approximate = word(node, "approximate", "none")
    if approximate not in ("none", "tanh"):
        raise unsupported(node, f"approximate is {approximate}")
    return nn.GELU(approximate)


def swish(node: ImportedNode) -> nn.Module:
    """Return the module of a Swish node."""
    alpha = number(node, "alpha", 1.0)
    if alpha == 1:
        return nn.SiLU()
    return Function(lambda value: value * torch.sigmoid(alpha * value))


def hardmax(value: Tensor, axis: int) -> Tensor:
    """Return 1 at the first largest value along an axis, and 0 elsewhere."""
    places = torch.arange(value.shape[axis]).reshape([-1] + [1] * (value.ndim - 1 - axis % value.ndim))
    return (places == value.argmax(axis, keepdim=True)).to(value.dtype)
