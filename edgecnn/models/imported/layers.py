"""Operators with weights as torch layers, and the two modules that hold all other operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.settings import flag, number, pads, pair, unsupported, word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.models.imported.graph import ImportedNode


TYPES = {"float32": torch.float32, "int32": torch.int32, "int64": torch.int64, "bool": torch.bool}
"""The types of tensors that a network may hold."""


class Function(nn.Module):
    """An operation without weights."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *tensors: Tensor) -> Any:
        """Compute the operation."""
        return self._function(*tensors)


class Constant(nn.Module):
    """A tensor that operations read.

    Args:
        shape: Its shape.
        kind: Its type.
    """

    value: Tensor

    def __init__(self, shape: Sequence[int], kind: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(tuple(shape), dtype=kind))

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


def fixed(node: ImportedNode) -> nn.Module:
    """Return the module of a Constant node; ``type`` is its type, by default float32.

    Raises:
        InputError: The type is not known.
    """
    kind = word(node, "type", "float32")
    if kind not in TYPES:
        raise unsupported(node, f"its type is {kind}")
    return Constant(node.weights["value"], TYPES[kind])


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
