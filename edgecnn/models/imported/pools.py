"""Pooling operators as torch modules.

torch pads both sides of an axis alike, and by at most half a kernel. Other padding is written out: with the
lowest value in front of a maximum, and with zeros in front of a mean, which is then divided by the share of
the window that counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.layers import Function
from edgecnn.models.imported.settings import (
    check_table,
    check_windows,
    flag,
    integers,
    number,
    pads,
    pair,
    unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode

Sides = tuple[int, int, int, int]

_ROUNDING = 1e-5


class PaddedMaxPool2d(nn.MaxPool2d):
    """Maxima of a map with different padding on each side.

    Args:
        pads: Pixels at the left, right, top and bottom.
        kernel, stride, dilation: Sizes of height and width.
    """

    def __init__(
        self, pads: Sides, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
    ) -> None:
        super().__init__(kernel, stride, 0, dilation)
        self._pads = pads

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Pad with the lowest value and take the maxima."""
        padded = functional.pad(input, self._pads, value=float("-inf"))
        return functional.max_pool2d(padded, self.kernel_size, self.stride, 0, self.dilation)


class PaddedAvgPool2d(nn.AvgPool2d):
    """Means of a map with different padding on each side.

    Args:
        pads: Pixels at the left, right, top and bottom.
        counted: Pixels of these that count as zeros in a mean; the others count for nothing.
        size: Height and width of the map.
        kernel, stride: Sizes of height and width.
    """

    scale: Tensor

    def __init__(
        self,
        pads: Sides,
        counted: Sides,
        size: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
    ) -> None:
        super().__init__(kernel, stride)
        self._pads = pads
        share = functional.avg_pool2d(_counted(pads, counted, size), kernel, stride)
        self.register_buffer("scale", 1 / share, persistent=False)
        self._whole = bool((share == 1).all())

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Pad with zeros, take the means, and divide by the share of pixels that count."""
        means = super().forward(functional.pad(input, self._pads))
        return means if self._whole else means * self.scale


class DilatedAvgPool2d(nn.Module):
    """Means of a map over windows with gaps: a convolution with equal weights.

    Args:
        pads: Pixels at the left, right, top and bottom.
        counted: Pixels of these that count as zeros in a mean; the others count for nothing.
        size: Height and width of the map.
        kernel, stride, dilation: Sizes of height and width.
    """

    window: Tensor
    scale: Tensor

    def __init__(
        self,
        pads: Sides,
        counted: Sides,
        size: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
    ) -> None:
        super().__init__()
        self._pads, self._stride, self._dilation = pads, stride, dilation
        window = torch.full((1, 1, *kernel), 1 / (kernel[0] * kernel[1]))
        self.register_buffer("window", window, persistent=False)
        real = _counted(pads, counted, size)
        share = functional.conv2d(real, window, stride=stride, dilation=dilation)
        self._whole = bool((share > 1 - _ROUNDING).all())
        self.register_buffer("scale", 1 / share, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Pad maps ``[N, C, H, W]`` with zeros, take the means, and divide by the share that counts."""
        padded, channels = functional.pad(maps, self._pads), maps.shape[1]
        windows = self.window.expand(channels, -1, -1, -1)
        means = functional.conv2d(
            padded, windows, stride=self._stride, dilation=self._dilation, groups=channels
        )
        return means if self._whole else means * self.scale


def _counted(pads: Sides, counted: Sides, size: tuple[int, int]) -> Tensor:
    """Return a padded map of ones, with zeros where the padding does not count in a mean."""
    real = functional.pad(torch.ones(1, 1, *size), counted, value=1.0)
    return functional.pad(real, [whole - part for whole, part in zip(pads, counted, strict=True)])


def max_pool(node: ImportedNode) -> nn.Module:
    """Return the module of a MaxPool node.

    Raises:
        InputError: It does not pool maps.
    """
    kernel, stride, dilation = (pair(node, name) for name in ("kernel_shape", "strides", "dilations"))
    top, left, bottom, right = pads(node)
    ceil = flag(node, "ceil_mode")
    if is_torchs((top, left, bottom, right), kernel):
        return nn.MaxPool2d(kernel, stride, (top, left), dilation, ceil_mode=ceil)
    if ceil:
        raise unsupported(node, "ceil_mode is set and its padding differs from side to side")
    return PaddedMaxPool2d((left, right, top, bottom), kernel, stride, dilation)


def average_pool(node: ImportedNode) -> nn.Module:
    """Return the module of an AveragePool node.

    Padding and dilations that torch lacks need two more settings, which the reader derives from the input:
    ``size`` is its height and width, and ``counted`` the padding, top, left, bottom and right, that counts in
    a mean.

    Raises:
        InputError: It does not pool maps.
    """
    kernel, stride, dilation = (pair(node, name) for name in ("kernel_shape", "strides", "dilations"))
    top, left, bottom, right = pads(node)
    ceil, counts = flag(node, "ceil_mode"), flag(node, "count_include_pad")
    if "size" not in node.attributes:
        if dilation != (1, 1) or not is_torchs((top, left, bottom, right), kernel):
            raise unsupported(node, f"pads are {[top, left, bottom, right]}, dilations {list(dilation)}")
        return nn.AvgPool2d(kernel, stride, (top, left), ceil_mode=ceil, count_include_pad=counts)
    size = pair(node, "size")
    padded = (size[0] + top + bottom, size[1] + left + right)
    check_table(node, *padded)
    check_windows(node, padded)
    up, west, down, east = integers(node, "counted")
    whole, counted = (left, right, top, bottom), (west, east, up, down)
    if dilation != (1, 1):
        return DilatedAvgPool2d(whole, counted, size, kernel, stride, dilation)
    return PaddedAvgPool2d(whole, counted, size, kernel, stride)


def lp_pool(node: ImportedNode) -> nn.Module:
    """Return the module of an LpPool node, whose padding counts as zeros.

    Raises:
        InputError: It does not pool maps, or in a way that torch lacks.
    """
    kernel, stride, order = pair(node, "kernel_shape"), pair(node, "strides"), number(node, "p", 2)
    top, left, bottom, right = pads(node)
    if pair(node, "dilations") != (1, 1) or flag(node, "ceil_mode") or order < 1:
        raise unsupported(node, "dilations, ceil_mode or a p below 1 is set")
    area = kernel[0] * kernel[1]

    def pooled(value: Tensor) -> Tensor:
        powers = functional.pad(value.abs() ** order, (left, right, top, bottom))
        return torch.pow(functional.avg_pool2d(powers, kernel, stride) * area, 1 / order)

    return Function(pooled)


def global_pool(function: Callable[[Tensor, list[int]], Tensor]) -> Callable[[ImportedNode], nn.Module]:
    """Return the maker of a pool over whole maps, all axes behind the channels; ``rank`` is 4 by default.

    Args:
        function: Reduces a tensor over some axes and keeps them with size 1.
    """

    def make(node: ImportedNode) -> nn.Module:
        axes = list(range(2, int(number(node, "rank", 4))))
        return Function(lambda value: function(value, axes))

    return make


def global_lp_pool(node: ImportedNode) -> nn.Module:
    """Return the module of a GlobalLpPool node.

    Raises:
        InputError: Its p is below 1.
    """
    axes, order = list(range(2, int(number(node, "rank", 4)))), number(node, "p", 2)
    if order < 1:
        raise unsupported(node, f"p is {order}")
    return Function(lambda value: torch.pow((value.abs() ** order).sum(axes, keepdim=True), 1 / order))


def is_torchs(sides: Sides, kernel: tuple[int, int]) -> bool:
    """Return whether torch can pad so: both sides of an axis alike, and by at most half a kernel.

    Args:
        sides: Pixels at the top, left, bottom and right.
        kernel: Height and width.
    """
    top, left, bottom, right = sides
    return (top, left) == (bottom, right) and 2 * top <= kernel[0] and 2 * left <= kernel[1]
