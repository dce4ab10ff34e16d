"""Samples of a layer: random positions of its output, each with the inputs of that position.

Rounding is optimized on matrix products of such samples: for a 1x1 convolution a sample is a pixel, for other
layers a patch. A few thousand samples suffice in place of whole images, at a hundredth of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from edgecnn.quantization.operators import arguments

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edgecnn.quantization.layer_by_layer import Turn

_MAX_VALUES = 1 << 25
"""Largest number of values in input patches (128 MiB); a wide layer gets fewer samples."""


@dataclass(frozen=True)
class Samples:
    """A layer as a matrix product for each of its groups.

    Attributes:
        inputs: float32 ``[G, P, K]``: patches in the order of the weights' ``[I / groups, kh, kw]``.
        targets: float32 ``[G, P, O / groups]``: sums in the float network, including the layer's own bias.
    """

    inputs: Tensor
    targets: Tensor


def sample(turn: Turn, weight: Tensor, count: int, random: torch.Generator) -> Samples:
    """Take samples of a layer, evenly from all images.

    Args:
        turn: The layer, with its inputs in the quantized and its sums in the float network.
        weight: Its weights, ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        count: Largest number of samples; fewer are taken if they would not fit the memory.
        random: Chooses the positions.
    """
    images = sum(len(batch) for batch in turn.inputs)
    affordable = _MAX_VALUES // max(1, weight[0].numel() * turn.layer.groups)
    positions = max(1, min(count, affordable) // images)
    take = _rows if turn.layer.kind == "linear" else _patches
    parts = [
        take(turn.node, inputs, sums, positions, random)
        for inputs, sums in zip(turn.inputs, turn.sums, strict=True)
    ]
    groups = turn.layer.groups
    inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    return Samples(_by_group(inputs, groups), _by_group(targets, groups))


def _by_group(rows: Tensor, groups: int) -> Tensor:
    """Reshape ``[P, G * K]`` to ``[G, P, K]``."""
    return rows.reshape(len(rows), groups, -1).transpose(0, 1).contiguous()


def _rows(
    node: fx.Node, inputs: Tensor, sums: Tensor, positions: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return rows of a fully connected layer, or a sample of them if it is applied at many places."""
    del node
    rows, targets = inputs.flatten(0, -2), sums.flatten(0, -2)
    wanted = positions * len(inputs)
    if len(rows) > wanted:
        chosen = torch.randperm(len(rows), generator=random)[:wanted]
        rows, targets = rows[chosen], targets[chosen]
    return rows, targets


def _patches(
    node: fx.Node, inputs: Tensor, sums: Tensor, positions: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return patches ``[N * P, I * kh * kw]`` and sums ``[N * P, O]``; the batch's images share positions."""
    geometry = _geometry(node)
    height, width = sums.shape[2:]
    places = torch.randperm(height * width, generator=random)[:positions]
    rows, columns = places // width, places % width
    kernel, stride, padding, dilation = geometry
    # One extra pixel costs nothing, and "same" padding of an even kernel needs it.
    padded = functional.pad(inputs, (padding[1], padding[1] + 1, padding[0], padding[0] + 1))
    offsets = [
        padded[:, :, rows * stride[0] + y * dilation[0], columns * stride[1] + x * dilation[1]]
        for y in range(kernel[0])
        for x in range(kernel[1])
    ]
    patches = torch.stack(offsets, dim=-1).permute(0, 2, 1, 3)
    targets = sums[:, :, rows, columns].permute(0, 2, 1)
    return patches.flatten(0, 1).flatten(1), targets.flatten(0, 1)


def _geometry(node: fx.Node) -> tuple[tuple[int, int], ...]:
    """Return kernel, stride, padding (top, left) and dilation of a convolution."""
    _, weight, _, stride, padding, dilation, _ = _with_defaults(arguments(node))
    kernel = tuple(weight.meta["val"].shape[2:])
    dilation = _pair(dilation)
    if padding == "same":
        padding = tuple(step * (size - 1) // 2 for step, size in zip(dilation, kernel, strict=True))
    elif padding == "valid":
        padding = (0, 0)
    return kernel, _pair(stride), _pair(padding), dilation


def _with_defaults(given: tuple[Any, ...]) -> tuple[Any, ...]:
    defaults = (None, None, None, (1, 1), (0, 0), (1, 1), 1)
    return given + defaults[len(given) :]


def _pair(value: Any) -> tuple[int, int]:
    first, *rest = (value,) if isinstance(value, int) else value
    return int(first), int(rest[0] if rest else first)
