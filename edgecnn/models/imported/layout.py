"""Operators that move, cut, pad and reduce tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.layers import Function
from edgecnn.models.imported.settings import flag, integers, number, unsupported, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode

_PAD_MODES = {"reflect": "reflect", "edge": "replicate"}
"""Names in ONNX of torch's ways to pad other than with a constant."""


def cut(node: ImportedNode) -> nn.Module:
    """Return the module of a Slice node.

    Raises:
        InputError: Its settings are of different lengths, or a step is 0.
    """
    starts, ends = integers(node, "starts"), integers(node, "ends")
    axes = integers(node, "axes") or list(range(len(starts)))
    steps = integers(node, "steps") or [1] * len(starts)
    if 0 in steps or not len(starts) == len(ends) == len(axes) == len(steps):
        raise unsupported(node, f"starts {starts}, ends {ends}, axes {axes}, steps {steps}")

    def sliced(value: Tensor) -> Tensor:
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            value = _sliced(value, axis, (start, end, step))
        return value

    return Function(sliced)


def _sliced(value: Tensor, axis: int, places: tuple[int, int, int]) -> Tensor:
    """Slice one axis; a negative step takes a slice of the axis in reverse order."""
    start, end, step = places
    size = value.shape[axis]
    start, end = (place + size if place < 0 else place for place in (start, end))
    if step > 0:
        start, end = min(max(start, 0), size), min(max(end, 0), size)
    else:
        start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
        value = value.flip(axis)
        start, end = size - 1 - start, size - 1 - end
    index: list[slice] = [slice(None)] * value.ndim
    index[axis] = slice(start, max(start, end), abs(step))
    return value[tuple(index)]


def split(node: ImportedNode) -> nn.Module:
    """Return the module of a Split node; without sizes the parts are equal."""
    axis, sizes = int(number(node, "axis", 0)), integers(node, "split")
    count = len(node.outputs)
    if sizes:
        return Function(lambda value: torch.split(value, sizes, dim=axis))
    return Function(lambda value: torch.split(value, -(-value.shape[axis] // count), dim=axis))


def pad(node: ImportedNode) -> nn.Module:
    """Return the module of a Pad node, whose ``pads`` name every axis.

    Raises:
        InputError: torch cannot pad so.
    """
    sides = integers(node, "pads")
    mode = word(node, "mode", "constant")
    half = len(sides) // 2
    # torch starts at the last axis and gives both ends of an axis together.
    both = [sides[axis + half * end] for axis in reversed(range(half)) for end in range(2)]
    if len(sides) % 2 == 0 and mode == "constant":
        filling = _filling(node)
        return Function(lambda value: functional.pad(value, both, value=filling))
    maps = half == 4 and not any(both[4:]) and min(both) >= 0
    if mode not in _PAD_MODES or not maps:
        raise unsupported(node, f"mode {mode}, pads {sides}")
    return Function(lambda value: functional.pad(value, both[:4], mode=_PAD_MODES[mode]))


def _filling(node: ImportedNode) -> float:
    """Return the value that a node pads with; JSON holds an infinite one as a word."""
    value = node.attributes.get("constant_value", 0.0)
    return float(value) if isinstance(value, str) else number(node, "constant_value", 0.0)


def reshape(node: ImportedNode) -> nn.Module:
    """Return the module of a Reshape node; a size of 0 keeps the axis of this number.

    Raises:
        InputError: Its shape is missing.
    """
    if "shape" not in node.attributes:
        raise unsupported(node, "its shape is not constant")
    sizes = integers(node, "shape")
    return Function(
        lambda value: value.reshape(
            [value.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
        )
    )


def flatten(node: ImportedNode) -> nn.Module:
    """Return the module of a Flatten node: a matrix, whose columns are the axes from ``axis`` on."""
    axis = int(number(node, "axis", 1))

    def flattened(value: Tensor) -> Tensor:
        if axis == 1 and value.ndim > 1:
            return value.flatten(1)
        rows, columns = value.shape[:axis], value.shape[axis:]
        return value.reshape(math.prod(rows), math.prod(columns))

    return Function(flattened)


def squeeze(node: ImportedNode) -> nn.Module:
    """Return the module of a Squeeze node; without axes all of size 1 go."""
    axes = integers(node, "axes")
    return Function(lambda value: value.squeeze(axes) if axes else value.squeeze())


def unsqueeze(node: ImportedNode) -> nn.Module:
    """Return the module of an Unsqueeze node, whose axes are those of its result."""
    axes = integers(node, "axes")

    def widened(value: Tensor) -> Tensor:
        rank = value.ndim + len(axes)
        for axis in sorted(axis % rank for axis in axes):
            value = value.unsqueeze(axis)
        return value

    return Function(widened)


def transpose(node: ImportedNode) -> nn.Module:
    """Return the module of a Transpose node; without an order the axes are reversed."""
    order = integers(node, "perm")
    return Function(lambda value: value.permute(order or list(reversed(range(value.ndim)))))


def concat(node: ImportedNode) -> nn.Module:
    """Return the module of a Concat node."""
    axis = int(number(node, "axis", 1))
    return Function(lambda *parts: torch.cat(parts, dim=axis))


def softmax(
    function: Callable[[Tensor, int], Tensor],
) -> Callable[[ImportedNode], nn.Module]:
    """Return the maker of a softmax along ``axis``; with ``flattened``, along all axes from there on."""

    def make(node: ImportedNode) -> nn.Module:
        axis = int(number(node, "axis", -1))
        if flag(node, "flattened"):
            return Function(lambda value: function(value.flatten(axis), -1).reshape(value.shape))
        return Function(lambda value: function(value, axis))

    return make
