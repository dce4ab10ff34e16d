"""Distance between two sets of outputs, and checks that outputs carry information."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

Outputs = npt.NDArray[np.float32]

SCORES, _MAP = 2, 4
"""Dimensions of ``[N, classes]`` and of ``[N, C, H, W]``."""

_LEAST_LEVELS = 4

# Sums are computed over blocks of images, in float64, so that outputs may be larger than memory.
_BLOCK = 1024


@dataclass(frozen=True)
class Closeness:
    """Distance of outputs from their reference.

    Attributes:
        sqnr_db: Signal to quantization noise, ``10 log10(sum(ref^2) / sum((ref - x)^2))``; infinite if all
            values are equal, NaN if one is not finite.
        max_abs: Largest absolute difference.
        peak: Largest absolute value of the reference.
        correlation: Pearson's correlation over all values; 0 if either side is constant.
    """

    sqnr_db: float
    max_abs: float
    peak: float
    correlation: float


def closeness(reference: Outputs, outputs: Outputs) -> Closeness:
    """Compare outputs with their reference.

    Args:
        reference: float32 ``[N, ...]``.
        outputs: The same shape.

    Raises:
        InputError: The shapes differ, or there is nothing to compare.
    """
    if reference.shape != outputs.shape or reference.size == 0:
        raise InputError(f"cannot compare outputs {list(outputs.shape)} with {list(reference.shape)}")
    sums = np.zeros(6)
    max_abs = peak = 0.0
    for start in range(0, len(reference), _BLOCK):
        want = reference[start : start + _BLOCK].astype(np.float64)
        have = outputs[start : start + _BLOCK].astype(np.float64)
        if not (np.isfinite(want).all() and np.isfinite(have).all()):
            return Closeness(math.nan, math.nan, math.nan, 0.0)
        error = want - have
        sums += [
            want.sum(),
            have.sum(),
            (want**2).sum(),
            (have**2).sum(),
            (want * have).sum(),
            (error**2).sum(),
        ]
        max_abs, peak = max(max_abs, float(np.abs(error).max())), max(peak, float(np.abs(want).max()))
    return Closeness(_decibels(sums[2], sums[5]), max_abs, peak, _correlation(sums[:5], reference.size))


def sqnr_db(reference: Outputs, outputs: Outputs) -> float:
    """Return the signal to quantization noise ratio in dB.

    >>> round(sqnr_db(np.float32([[3.0, 4.0]]), np.float32([[3.0, 4.5]])), 6)
    20.0
    """
    return closeness(reference, outputs).sqnr_db


def centred(reference: Outputs, outputs: Outputs) -> tuple[Outputs, Outputs]:
    """Subtract the reference's mean of every channel from both; scores ``[N, classes]`` stay unchanged.

    The information of a map is in its differences between places: logits that are all near -10 would count as
    a strong signal even if all of them were equal.

    Args:
        reference: float32 ``[N, C, H, W]``, or with the channels last if there are three dimensions.
        outputs: The same shape.

    >>> [part.tolist() for part in centred(np.float32([[[[1, 3]]]]), np.float32([[[[2, 2]]]]))]
    [[[[[-1.0, 1.0]]]], [[[[0.0, 0.0]]]]]
    """
    if reference.ndim <= SCORES or reference.shape != outputs.shape:
        return reference, outputs
    mean = reference.mean(axis=_places(reference), keepdims=True, dtype=np.float64).astype(np.float32)
    return reference - mean, outputs - mean


def collapsed(reference: Outputs, outputs: Outputs) -> float:
    """Return the share of a map's channels with hardly any distinct values, although the reference's vary.

    This happens to small values that share a scale with large ones: coordinates in pixels still vary, but all
    scores are equal.

    >>> reference = np.linspace(0, 1, 200, dtype=np.float32).reshape(1, 2, 10, 10)
    >>> outputs = np.stack([np.rint(reference[:, 0]), reference[:, 1]], axis=1)
    >>> collapsed(reference, outputs)
    0.5
    """
    if reference.ndim <= SCORES:
        return 0.0
    channel = 1 if reference.ndim == _MAP else -1
    pairs = zip(np.moveaxis(reference, channel, 0), np.moveaxis(outputs, channel, 0), strict=True)
    dead = [
        np.unique(have).size < _LEAST_LEVELS <= np.unique(want).size / _LEAST_LEVELS for want, have in pairs
    ]
    return float(np.mean(dead))


def _places(values: Outputs) -> tuple[int, ...]:
    """Return the axes of a map that span one channel."""
    channel = 1 if values.ndim == _MAP else values.ndim - 1
    return tuple(axis for axis in range(values.ndim) if axis != channel)


@dataclass(frozen=True)
class Health:
    """Results of the checks that outputs carry information.

    Attributes:
        finite: Every value is finite.
        constant: All images get the same outputs.
        tied: Share of images whose largest value belongs to two or more classes.
        clipped: Share of images whose largest value is the largest of all images, or whose smallest is the
            smallest; many images share an end if the range is clipped. A single image at an end does not
            count.
        levels: Number of distinct values.
    """

    finite: bool
    constant: bool
    tied: float
    clipped: float
    levels: int


def health(outputs: Outputs) -> Health:
    """Find dead, tied and clipped outputs.

    Args:
        outputs: float32 ``[N, ...]``.

    Raises:
        InputError: There are no outputs.
    """
    if outputs.size == 0:
        raise InputError("there are no outputs to look at")
    flat = outputs.reshape(len(outputs), -1)
    largest, smallest = flat.max(axis=1), flat.min(axis=1)
    at_end = _piled(largest == largest.max()) | _piled(smallest == smallest.min())
    return Health(
        finite=bool(np.isfinite(flat).all()),
        constant=len(flat) > 1 and bool((flat == flat[0]).all()),
        tied=float(((flat == largest[:, None]).sum(axis=1) > 1).mean()),
        clipped=float(at_end.mean()),
        levels=int(np.unique(flat).size),
    )


def _piled(at_end: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return at_end if at_end.sum() > 1 else np.zeros_like(at_end)


def _decibels(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(signal / noise) if signal > 0.0 else -math.inf


def _correlation(sums: npt.NDArray[np.float64], count: int) -> float:
    want, have, want_squared, have_squared, product = sums
    spread = (want_squared - want**2 / count) * (have_squared - have**2 / count)
    # Rounding leaves a constant side a spread of about 1e-16 of its square instead of zero.
    if spread <= 1e-24 * want_squared * have_squared:
        return 0.0
    return float((product - want * have / count) / math.sqrt(spread))
