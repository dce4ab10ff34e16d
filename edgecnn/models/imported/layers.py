"""Operators with weights as torch layers, and the two modules that hold all other operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.settings import flag, number, pads, pair, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.models.imported.graph import ImportedNode


class Function(nn.Module):
    """An operation without weights."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *tensors: Tensor) -> Any:
        """Compute the operation."""
        return self._function(*tensors)


class Constant(nn.Module):
    """A tensor that a network adds or multiplies with."""

    value: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(tuple(shape)))

    def forward(self) -> Tensor:
        """Return the tensor."""
        return self.value


class PaddedConv2d(nn.Conv2d):
    """A convolution with different padding on each side.

    Args:
        pads: Pixels at the left, right, top and bottom.
        settings: Settings of the convolution, whose own padding is 0.
    """

    def __init__(self, pads: tuple[int, int, int, int], **settings: Any) -> None:
        super().__init__(**settings)
        self._pads = pads

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Pad with zeros and convolve."""
        return super().forward(functional.pad(input, self._pads))


def convolution(node: ImportedNode) -> nn.Module:
    """Return the layer of a Conv node.

    Raises:
        InputError: Its kernel is not that of a map.
    """
    outputs, inputs, *kernel = node.weights["weight"]
    if len(kernel) != 2:
        raise unsupported(node, f"its kernel has {len(kernel)} dimensions")
    groups = int(number(node, "group", 1))
    settings: dict[str, Any] = {
        "in_channels": inputs * groups,
        "out_channels": outputs,
        "kernel_size": tuple(kernel),
        "stride": pair(node, "strides"),
        "dilation": pair(node, "dilations"),
        "groups": groups,
        "bias": "bias" in node.weights,
    }
    top, left, bottom, right = pads(node)
    if (top, left) == (bottom, right):
        return nn.Conv2d(**settings, padding=(top, left))
    return PaddedConv2d((left, right, top, bottom), **settings)


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


def linear(node: ImportedNode) -> nn.Module:
    """Return the layer of a Gemm node, or of a MatMul node, which may also multiply two tensors.

    Raises:
        InputError: It scales or transposes what it reads.
    """
    if node.operator == "MatMul" and "weight" not in node.weights:
        return Function(torch.matmul)
    if (number(node, "alpha", 1.0), number(node, "beta", 1.0), flag(node, "transA")) != (1, 1, False):
        raise unsupported(node, "alpha, beta or transA is set")
    outputs, inputs = node.weights["weight"]
    return nn.Linear(inputs, outputs, bias="bias" in node.weights)
