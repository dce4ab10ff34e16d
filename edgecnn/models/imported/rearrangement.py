"""Operators that choose, repeat and rearrange values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.layers import Function
from edgecnn.models.imported.settings import flag, integers, number, unsupported, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.models.imported.graph import ImportedNode

_GRID_MODES = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest"}
"""Names in ONNX of torch's ways to read a map between its pixels."""


def expand(node: ImportedNode) -> nn.Module:
    """Return the module of an Expand node."""
    sizes = integers(node, "shape")
    return Function(lambda value: value.broadcast_to(_broadcast(value.shape, sizes)))


def _broadcast(given: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Return the shape that two shapes have together, in which sizes of 1 give way."""
    rank = max(len(given), len(wanted))
    pairs = zip(*([1] * (rank - len(shape)) + list(shape) for shape in (given, wanted)), strict=True)
    return [one if other == 1 else other for one, other in pairs]


def tile(node: ImportedNode) -> nn.Module:
    """Return the module of a Tile node."""
    repeats = integers(node, "repeats")
    return Function(lambda value: value.repeat(repeats))


def gather(node: ImportedNode) -> nn.Module:
    """Return the module of a Gather node, whose places are the setting ``indices`` where they are few.

    A single place, which ``scalar`` says, leaves its axis out.
    """
    axis, places = int(number(node, "axis", 0)), integers(node, "indices")
    if flag(node, "scalar"):
        return Function(lambda value: value.select(axis, places[0]))
    if places:
        return KnownPlaces(axis, places)
    return Function(lambda value, indices: _gathered(value, indices, axis))


class KnownPlaces(nn.Module):
    """Places along an axis that are known.

    Args:
        axis: The axis.
        places: Numbers of the places, which may count from the end.
    """

    def __init__(self, axis: int, places: list[int]) -> None:
        super().__init__()
        self._axis, self._places = axis, places

    def forward(self, value: Tensor) -> Tensor:
        """Select the places, one after the other where they follow each other."""
        size = value.shape[self._axis]
        numbers = [place + size if place < 0 else place for place in self._places]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return value.narrow(self._axis, numbers[0], len(numbers))
        return value.index_select(self._axis, torch.tensor(numbers, device=value.device))


def _gathered(value: Tensor, indices: Tensor, axis: int) -> Tensor:
    axis %= value.ndim
    places = _from_the_start(indices, value.shape[axis])
    chosen = value.index_select(axis, places.reshape(-1))
    return chosen.reshape([*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :]])


def _from_the_start(indices: Tensor, size: int) -> Tensor:
    """Return places of an axis of this size, of which negative ones count from its end."""
    wide = indices.to(torch.int64)
    return torch.where(wide < 0, wide + size, wide)


def gather_elements(node: ImportedNode) -> nn.Module:
    """Return the module of a GatherElements node."""
    axis = int(number(node, "axis", 0))
    return Function(lambda value, indices: value.gather(axis, _from_the_start(indices, value.shape[axis])))


def gather_nd(node: ImportedNode) -> nn.Module:
    """Return the module of a GatherND node.

    Raises:
        InputError: It has axes of batches.
    """
    if number(node, "batch_dims", 0):
        raise unsupported(node, "batch_dims is set")
    return Function(lambda value, indices: value[_places(value, indices)])


def _places(value: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
    """Return the places along the first axes of a tensor that rows of indices name."""
    parts = indices.unbind(-1)
    return tuple(_from_the_start(part, size) for part, size in zip(parts, value.shape, strict=False))


def scatter_nd(node: ImportedNode) -> nn.Module:
    """Return the module of a ScatterND node, which replaces or adds.

    Raises:
        InputError: It reduces in another way.
    """
    adds = _adds(node)
    return Function(
        lambda value, indices, updates: value.index_put(_places(value, indices), updates, accumulate=adds)
    )


def scatter_elements(node: ImportedNode) -> nn.Module:
    """Return the module of a ScatterElements node, which replaces or adds.

    Raises:
        InputError: It reduces in another way.
    """
    axis, adds = int(number(node, "axis", 0)), _adds(node)

    def scattered(value: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        places = _from_the_start(indices, value.shape[axis])
        return value.scatter_add(axis, places, updates) if adds else value.scatter(axis, places, updates)

    return Function(scattered)


def _adds(node: ImportedNode) -> bool:
    reduction = word(node, "reduction", "none")
    if reduction not in ("none", "add"):
        raise unsupported(node, f"reduction is {reduction}")
    return reduction == "add"


def triangle(node: ImportedNode) -> nn.Module:
    """Return the module of a Trilu node."""
    diagonal = int(number(node, "k", 0))
    cut = torch.triu if flag(node, "upper", default=True) else torch.tril
    return Function(lambda value: cut(value, diagonal))


def einsum(node: ImportedNode) -> nn.Module:
    """Return the module of an Einsum node."""
    equation = word(node, "equation", "")
    return Function(lambda *values: torch.einsum(equation, *values))


def depth_to_space(node: ImportedNode) -> nn.Module:
    """Return the module of a DepthToSpace node: channels become blocks of pixels.

    Raises:
        InputError: The order of the channels is not known.
    """
    block, order = _block(node), word(node, "mode", "DCR")
    if order == "CRD":
        return nn.PixelShuffle(block)

    def spread(value: Tensor) -> Tensor:
        count, channels, height, width = value.shape
        parts = value.reshape(count, block, block, channels // block**2, height, width)
        moved = parts.permute(0, 3, 4, 1, 5, 2)
        return moved.reshape(count, channels // block**2, height * block, width * block)

    return Function(spread)


def space_to_depth(node: ImportedNode) -> nn.Module:
    """Return the module of a SpaceToDepth node: blocks of pixels become channels.

    Raises:
        InputError: The order of the channels is not known.
    """
    block, order = _block(node), word(node, "mode", "DCR")
    if order == "CRD":
        return nn.PixelUnshuffle(block)

    def stacked(value: Tensor) -> Tensor:
        count, channels, height, width = value.shape
        parts = value.reshape(count, channels, height // block, block, width // block, block)
        moved = parts.permute(0, 3, 5, 1, 2, 4)
        return moved.reshape(count, channels * block**2, height // block, width // block)

    return Function(stacked)


def _block(node: ImportedNode) -> int:
    if word(node, "mode", "DCR") not in ("DCR", "CRD"):
        raise unsupported(node, f"mode is {word(node, 'mode', 'DCR')}")
    return int(number(node, "blocksize", 0))


def grid_sample(node: ImportedNode) -> nn.Module:
    """Return the module of a GridSample node of maps.

    Raises:
        InputError: torch cannot read a map so.
    """
    mode, outside = word(node, "mode", "linear"), word(node, "padding_mode", "zeros")
    if mode not in _GRID_MODES or outside not in ("zeros", "border", "reflection"):
        raise unsupported(node, f"mode {mode}, padding_mode {outside}")
    corners = flag(node, "align_corners")
    return Function(
        lambda value, grid: functional.grid_sample(
            value, grid, mode=_GRID_MODES[mode], padding_mode=outside, align_corners=corners
        )
    )
