"""The grids of int8 weights and activations, for NumPy arrays and torch tensors.

Weights are symmetric, with one scale per output channel, by the rules of the kernel that adds their products:

=============  ===================================================================================
``symmetric``  the largest weight is 127, for every kernel that cannot saturate
``pairs-hwc``  no two neighbours along height, width, channel have a sum over 128; depthwise
               kernels widen before they add, and are exempt
``pairs-c``    the same, but pairs are formed along the channels at each place of the kernel, an odd
               channel with zero
``pair-safe``  both: one grid for all kernels that add in pairs
=============  ===================================================================================

The reason for the pairs: without VNNI, x86 kernels multiply unsigned activations by signed weights with
``vpmaddubsw``, which adds the products of two neighbours along the accumulated dimension in int16 and
saturates at 32767 (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, "PMADDUBSW"). The
usual remedy is to quantize all weights to 7 bits. But only a pair whose weights have the same sign and a
large sum can
saturate: at the largest activation, 255, a pair is safe while ``|w1 + w2| <= 128``. For that, most channels
need a scale that is only about a quarter larger, so most of the eighth bit is kept, at the same speed.

Activations are affine, with 256 levels, one of which is zero (Jacob et al. 2018, arXiv:1712.05877).

Each function gives NumPy and torch the same bits, because it uses only operations whose rounding IEEE 754
defines. torch is not imported here.
"""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edgecnn.quantization.kernels import Scheme

Weights = npt.NDArray[np.float32]
Array = TypeVar("Array")
"""A NumPy array, or a torch tensor without gradient."""

MAX_WEIGHT = 127
MAX_PAIR_SUM = 128
"""Largest pair sum: 255 * 128 = 32640 is the largest multiple of 255 that int16 holds."""

LEVELS = 256
"""Levels of an activation's grid."""

_STEP = 1.002
_SMALLEST_SCALE = 1e-12
"""Scale of a channel whose weights are all zero."""

_SMALLEST_SPAN = 1e-8
"""Width of the grid of an activation that is always zero."""


def weight_scales(weights: Array, scheme: Scheme, *, depthwise: bool, free: bool = False) -> Array:
    """Return the smallest scales that a scheme allows.

    Args:
        weights: float32 ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        scheme: The rules of the kernel.
        depthwise: Whether every group has one channel and one output.
        free: Every weight may be rounded up or down, not only to the nearest, and the scales must be safe for
            either choice.

    Returns:
        float32 ``[O]``, positive even for a channel of zeros.

    >>> weight_scales(np.float32([[127, 127], [127, -127]]), "pair-safe", depthwise=False).tolist()
    [1.984375, 1.0]
    """
    if scheme == "symmetric" or depthwise:
        rows: Any = weights
        xp = _library(rows)
        peaks = xp.amax(xp.abs(rows).reshape(len(rows), -1), 1)
        scales: Array = xp.clip(_divided(peaks, MAX_WEIGHT), _SMALLEST_SCALE, None)
        return scales
    # Rounding changes each weight of a pair by less than one, so an integer sum is at most one above the
    # real.
    limit = MAX_PAIR_SUM - 1 if free else MAX_PAIR_SUM
    return pair_safe_scales(accumulated(weights, scheme), limit)


def pair_safe_scales(weights: Array, limit: int = MAX_PAIR_SUM) -> Array:
    """Return the smallest symmetric int8 scales at which no neighbouring pair of weights can saturate.

    Args:
        weights: float32 ``[O, K]``: one row per output channel, in the order in which the kernel accumulates;
            columns 2i and 2i + 1 are a pair.
        limit: Largest sum of a pair.

    Returns:
        float32 ``[O]``.

    >>> (pair_safe_scales(np.float32([[127, -127], [127, 1], [127, 127]])) * 127).round(1).tolist()
    [127.0, 127.0, 252.0]
    """
    xp = _library(weights)
    rows = _typed(_even(weights), "float64")
    peaks = xp.clip(xp.amax(xp.abs(rows), 1), _SMALLEST_SCALE, None)
    wanted = xp.maximum(_divided(peaks, MAX_WEIGHT), _divided(largest_pair_sums(rows), limit))
    scales = _typed(wanted, "float32")
    # Rounding can raise a pair over the limit by one; a few steps of 0.2 % correct that.
    while bool((unsafe := largest_pair_sums(quantize_rows(rows, scales)) > limit).any()):
        scales = xp.where(unsafe, scales * _STEP, scales)
    result: Array = scales
    return result


def accumulated(weights: Array, scheme: Scheme) -> Array:
    """Return weights in the order in which a kernel adds their products.

    Args:
        weights: float32 ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        scheme: The rules of the kernel; ``pair-safe`` gives both orders in sequence where they differ.

    Returns:
        ``[O, K]``, K even; columns 2i and 2i + 1 are a pair if the scheme has pairs.

    >>> accumulated(np.float32([[[[1, 2]], [[3, 4]], [[5, 6]]]]), "pairs-c").tolist()
    [[1.0, 3.0, 5.0, 0.0, 2.0, 4.0, 6.0, 0.0]]
    """
    held: Any = weights
    xp = _library(held)
    places_first = xp.moveaxis(held, 1, -1)
    across = _even(places_first.reshape(len(held), -1))
    rows: Array = across
    if math.prod(held.shape[2:]) > 1 and scheme != "pairs-hwc":
        in_place = _even(places_first).reshape(len(held), -1)
        rows = in_place if scheme == "pairs-c" else xp.concat([across, in_place], 1)
    return rows


def largest_pair_sums(rows: Array) -> Array:
    """Return the largest magnitude of the sum of a same-signed pair in each row of ``[O, K]``, K even."""
    held: Any = rows
    xp = _library(held)
    first, second = held[:, ::2], held[:, 1::2]
    upward = xp.amax(xp.clip(first, 0, None) + xp.clip(second, 0, None), 1)
    downward = xp.amin(xp.clip(first, None, 0) + xp.clip(second, None, 0), 1)
    sums: Array = xp.maximum(upward, -downward)
    return sums


def quantize_rows(rows: Array, scales: Array) -> Array:
    """Return int8 grid points of ``[O, K]`` weights with one scale per row, ties to even, as float64."""
    xp = _library(rows)
    quotients = _typed(rows, "float64") / _typed(scales, "float64")[:, None]
    points: Array = xp.clip(xp.round(quotients), -MAX_WEIGHT, MAX_WEIGHT)
    return points


def levels(weights: Array, scales: Array) -> Array:
    """Return the nearest grid points of ``[O, ...]`` weights, one scale per output, float32 in -127..127."""
    held: Any = weights
    rows = quantize_rows(held.reshape(len(held), -1), scales)
    points: Array = _typed(rows, "float32").reshape(held.shape)
    return points


def on_grid(weights: Array, scales: Array) -> Array:
    """Return ``[O, ...]`` weights rounded to their grid: levels times scales, in float32."""
    points: Any = levels(weights, scales)
    steps: Any = scales
    rounded: Array = points * steps.reshape(-1, *(1,) * (points.ndim - 1))
    return rounded


def stored_levels(weights: Weights, scales: Weights) -> npt.NDArray[np.int8]:
    """Return the grid points that a model file stores, int8.

    The quotient is rounded to float32 before it is rounded to a level, as the native quantizers of all three
    formats do; :func:`levels` rounds once.

    Args:
        weights: float32, of any shape.
        scales: float32, in a shape that broadcasts to that of the weights.
    """
    points: Weights = np.clip(np.rint(weights / scales), -MAX_WEIGHT, MAX_WEIGHT)
    return points.astype(np.int8)


def is_safe(grid: Array, scheme: Scheme, *, depthwise: bool) -> bool:
    """Return whether the scheme's kernels can execute grid points ``[O, ...]`` without saturation."""
    points: Any = grid
    xp = _library(points)
    if float(xp.amax(xp.abs(points))) > MAX_WEIGHT:
        return False
    if scheme == "symmetric" or depthwise:
        return True
    rows: Any = largest_pair_sums(accumulated(points, scheme))
    return bool((rows <= MAX_PAIR_SUM).all())


def affine_grid(low: Any, high: Any) -> tuple[Any, Any]:
    """Return step and zero point of the grid of 256 levels for a range, which is widened to contain zero.

    Args:
        low: Smallest value: a float, a NumPy array or a torch tensor.
        high: Largest value, of the same kind.

    Returns:
        The step, and the whole number of steps from the lowest level to zero, 0..255. A real value is
        ``(level - zero) * step`` for a level of 0..255.

    >>> [float(value) for value in (*affine_grid(-64.0, 191.0), *affine_grid(1.0, 255.0))]
    [1.0, 64.0, 1.0, 0.0]
    """
    xp = _library(low)
    bottom, top = xp.clip(low, None, 0.0), xp.clip(high, 0.0, None)
    step = _divided(xp.clip(top - bottom, _SMALLEST_SPAN, None), LEVELS - 1)
    return step, xp.round((0.0 - bottom) / step)


def _library(array: object) -> Any:
    """Return the module of functions for an array: NumPy for arrays and plain numbers, else torch."""
    return np if isinstance(array, np.ndarray | np.generic | float) else importlib.import_module("torch")


def _typed(values: Any, name: str) -> Any:
    """Convert values to floats of the named type."""
    if isinstance(values, np.ndarray):
        return values.astype(name, copy=False)
    return values.to(getattr(_library(values), name))


def _divided(values: Any, by: int) -> Any:
    """Divide by a number; torch on a GPU would multiply by its reciprocal, which rounds differently."""
    return values / _library(values).full_like(values, by)


def _even(rows: Any) -> Any:
    """Append a zero to the last axis if its length is odd."""
    if rows.shape[-1] % 2 == 0:
        return rows
    xp = _library(rows)
    return xp.concat([rows, xp.zeros_like(rows[..., :1])], -1)
