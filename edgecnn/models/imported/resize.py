"""Resizing of maps as ONNX defines it.

torch's own interpolation serves where it computes the same. Everything else is written as what it is: nearest
neighbours are a selection of rows and columns, and linear and cubic interpolation multiply with a matrix for
the rows and one for the columns. Indices and matrices follow the definition of Resize in ONNX's operator
reference; coordinates are float32 as in ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from edgecnn.models.imported.settings import check_table, flag, number, numbers, pair, unsupported, word

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgecnn.models.imported.graph import ImportedNode

    Floats = npt.NDArray[np.floating[Any]]

_OWN_LINEAR = ("half_pixel", "pytorch_half_pixel", "align_corners")
_CENTRES = (*_OWN_LINEAR, "asymmetric", "half_pixel_symmetric")
_ROUNDING = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Axis:
    """One axis of a map that is resized.

    Attributes:
        given: Its size before.
        made: Its size after.
        scale: The factor as the file states it, which need not be the ratio of the sizes.
    """

    given: int
    made: int
    scale: float


class Selection(nn.Module):
    """Nearest neighbours: rows and columns of a map by number, each as often as it is needed."""

    rows: Tensor
    columns: Tensor

    def __init__(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(rows), persistent=False)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Select from maps ``[N, C, H, W]``."""
        return maps.index_select(2, self.rows).index_select(3, self.columns)


class Interpolation(nn.Module):
    """Interpolation as products with a matrix for the rows and one for the columns.

    Args:
        rows: ``[made, given]`` of the height.
        columns: ``[made, given]`` of the width.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, rows: Floats, columns: Floats) -> None:
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(rows.astype(np.float32)), persistent=False)
        across = np.ascontiguousarray(columns.T.astype(np.float32))
        self.register_buffer("columns", torch.from_numpy(across), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Interpolate maps ``[N, C, H, W]``."""
        return torch.matmul(self.rows, torch.matmul(maps, self.columns))


def resize(node: ImportedNode) -> nn.Module:
    """Return the module of a Resize node.

    ``scales`` are the factors of the four axes. ``into`` and ``out``, height and width before and after, are
    there unless the factors are whole and pixels are repeated.

    Raises:
        InputError: It resizes other axes than height and width, or in a way that is not known.
    """
    scales = numbers(node, "scales")
    if len(scales) != 4 or scales[:2] != [1.0, 1.0]:
        raise unsupported(node, f"its scales are {scales}, not constant ones of height and width")
    mode, centres = word(node, "mode", "nearest"), word(node, "coordinate_transformation_mode", "half_pixel")
    factors = (scales[2], scales[3])
    if "into" not in node.attributes:
        return _torchs(node, mode, centres, factors)
    sizes = zip(pair(node, "into"), pair(node, "out"), factors, strict=True)
    height, width = (Axis(*size) for size in sizes)
    if centres not in _CENTRES:
        raise unsupported(node, f"coordinate_transformation_mode is {centres}")
    for axis in (height, width):
        check_table(node, axis.made, 1 if mode == "nearest" else axis.given)
    if mode == "nearest":
        return Selection(nearest(node, height, centres), nearest(node, width, centres))
    return Interpolation(matrix(node, height, centres), matrix(node, width, centres))


def _torchs(node: ImportedNode, mode: str, centres: str, factors: tuple[float, float]) -> nn.Module:
    if mode == "nearest" and all(factor >= 1 and factor == int(factor) for factor in factors):
        return nn.Upsample(scale_factor=factors, mode="nearest")
    if mode == "linear" and centres in _OWN_LINEAR:
        return nn.Upsample(scale_factor=factors, mode="bilinear", align_corners=centres == "align_corners")
    raise unsupported(node, f"mode {mode}, {centres}, factors {factors}")


def is_torchs(node: ImportedNode, height: Axis, width: Axis) -> bool:
    """Return whether torch's own interpolation computes what a Resize node computes.

    Raises:
        InputError: The node's way to resize is not known.
    """
    mode, centres = word(node, "mode", "nearest"), word(node, "coordinate_transformation_mode", "half_pixel")
    axes = (height, width)
    if any(int(np.floor(axis.given * axis.scale)) != axis.made for axis in axes):
        return False
    if mode == "nearest":
        return centres in _CENTRES and all(_repeats(axis, nearest(node, axis, centres)) for axis in axes)
    if mode != "linear" or centres not in _OWN_LINEAR or flag(node, "antialias"):
        return False
    return centres != "pytorch_half_pixel" or min(axis.made for axis in axes) > 1


def _repeats(axis: Axis, places: npt.NDArray[np.int64]) -> bool:
    whole = axis.scale >= 1 and axis.scale == int(axis.scale)
    return whole and np.array_equal(places, np.arange(axis.made) // int(axis.scale))


def nearest(node: ImportedNode, axis: Axis, centres: str) -> npt.NDArray[np.int64]:
    """Return the number of the pixel that each pixel of the result is a copy of.

    Raises:
        InputError: The rounding is not known, or it depends on the last bit of a float32 number.
    """
    rounding = word(node, "nearest_mode", "round_prefer_floor")
    if rounding not in _ROUNDING:
        raise unsupported(node, f"nearest_mode is {rounding}")
    single, double = (
        _rounded(coordinates(axis, centres, kind), rounding) for kind in (np.float32, np.float64)
    )
    places, exact = (np.clip(numbers_, 0, axis.given - 1).astype(np.int64) for numbers_ in (single, double))
    if not np.array_equal(places, exact):
        raise unsupported(
            node, f"{rounding} with {centres} and scale {axis.scale} depends on rounding errors"
        )
    return places


def _rounded(places: Floats, rounding: str) -> Floats:
    match rounding:
        case "round_prefer_floor":
            return np.ceil(places - places.dtype.type(0.5))
        case "round_prefer_ceil":
            return np.floor(places + places.dtype.type(0.5))
        case "floor":
            return np.floor(places)
        case _:
            return np.ceil(places)


def coordinates(axis: Axis, centres: str, kind: type[np.floating[Any]] = np.float64) -> Floats:
    """Return the place before resizing, in pixels, of each pixel after it."""
    after: Floats = np.arange(axis.made).astype(kind)
    places: Floats
    scale, half = kind(axis.scale), kind(0.5)
    match centres:
        case "asymmetric":
            places = after / scale
        case "align_corners" if axis.made > 1:
            places = after * kind(axis.given - 1) / kind(axis.made - 1)
        case "align_corners" | "pytorch_half_pixel" if axis.made == 1:
            places = np.zeros(1, kind)
        case "half_pixel_symmetric":
            adjustment = kind(axis.made) / (scale * kind(axis.given))
            offset = kind(axis.given) / kind(2) * (kind(1) - adjustment)
            places = offset + (after + half) / scale - half
        case _:
            places = (after + half) / scale - half
    return places


def matrix(node: ImportedNode, axis: Axis, centres: str) -> Floats:
    """Return the weights of linear or cubic interpolation, float64 ``[made, given]``; each row sums to 1.

    Raises:
        InputError: The mode is neither linear nor cubic.
    """
    mode = word(node, "mode", "nearest")
    if mode not in ("linear", "cubic"):
        raise unsupported(node, f"mode is {mode}")
    stretch = max(1.0, 1 / axis.scale) if flag(node, "antialias") else 1.0
    reach = 1 if mode == "linear" else 2
    weights = np.zeros((axis.made, axis.given))
    for row, place in enumerate(coordinates(axis, centres, np.float32).astype(np.float64)):
        pixels = np.arange(np.floor(place - reach * stretch), np.ceil(place + reach * stretch) + 1)
        shares = _kernel(node, mode, (pixels - place) / stretch)
        inside = (pixels >= 0) & (pixels < axis.given)
        if flag(node, "exclude_outside"):
            shares = np.where(inside, shares, 0.0)
        np.add.at(weights[row], np.clip(pixels, 0, axis.given - 1).astype(np.int64), shares)
        weights[row] /= weights[row].sum()
    return weights


def _kernel(node: ImportedNode, mode: str, distance: Floats) -> Floats:
    """Return the weight of pixels by their distance; the cubic one is that of Keys 1981."""
    far = np.abs(distance)
    if mode == "linear":
        return np.maximum(0.0, 1.0 - far)
    a = number(node, "cubic_coeff_a", -0.75)
    close = ((a + 2) * far - (a + 3)) * far**2 + 1
    wide = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
    return np.where(far <= 1, close, np.where(far < 2, wide, 0.0))
