"""Where int8 weights lie: one symmetric scale an output channel, by the rules of the kernel that adds them.

=============  ===================================================================================
``symmetric``  the largest weight at 127: for every kernel that cannot saturate
``pairs-hwc``  no two neighbours along height, width, channel add up to more than 128; depthwise
               kernels widen before they add, and are exempt
``pairs-c``    the same, but pairs are formed along the channels at each place of the kernel, an odd
               channel with zero
=============  ===================================================================================

Why pairs matter: :mod:`edgecnn.quantization.saturation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.quantization.saturation import (
    MAX_PAIR_SUM,
    MAX_WEIGHT,
    SMALLEST_SCALE,
    Weights,
    largest_pair_sums,
    pair_safe_scales,
    quantize_rows,
)

if TYPE_CHECKING:
    from edgecnn.quantization.kernels import Scheme


def accumulated(weights: Weights, scheme: Scheme) -> Weights:
    """Return weights in the order in which a kernel adds their products.

    Args:
        weights: float32 ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        scheme: Which kernel.

    Returns:
        ``[O, K]``; columns 2i and 2i + 1 are a pair where the scheme has pairs.

    >>> accumulated(np.float32([[[[1, 2]], [[3, 4]], [[5, 6]]]]), "pairs-c").tolist()
    [[1.0, 3.0, 5.0, 0.0, 2.0, 4.0, 6.0, 0.0]]
    """
    places_first = np.moveaxis(weights, 1, -1)
    if scheme == "pairs-c":
        odd = weights.shape[1] % 2
        places_first = np.pad(places_first, [(0, 0)] * (weights.ndim - 1) + [(0, odd)])
    rows: Weights = places_first.reshape(len(weights), -1)
    return rows


def weight_scales(weights: Weights, scheme: Scheme, *, depthwise: bool, free: bool = False) -> Weights:
    """Return the smallest scales that a scheme allows.

    Args:
        weights: float32 ``[O, I / groups, kh, kw]`` or ``[O, I]``.
        scheme: Which kernel.
        depthwise: Whether every group has one channel and one output.
        free: Every weight may be rounded either way, not only to the nearest, and the scales must be right
            for all of it.

    Returns:
        float32 ``[O]``, positive also where a channel is zero throughout.
    """
    if scheme == "symmetric" or depthwise:
        peak = np.abs(weights).reshape(len(weights), -1).max(axis=1)
        scales: Weights = np.maximum(peak / np.float32(MAX_WEIGHT), np.float32(SMALLEST_SCALE))
        return scales
    # Rounding adds less than one to each weight of a pair, hence to an integer sum one above the real one.
    limit = MAX_PAIR_SUM - 1 if free else MAX_PAIR_SUM
    return pair_safe_scales(accumulated(weights, scheme), limit)


def levels(weights: Weights, scales: Weights) -> Weights:
    """Return the nearest grid points of ``[O, ...]`` weights at one scale an output, float32 in -127..127."""
    rows = quantize_rows(weights.reshape(len(weights), -1), scales)
    return rows.astype(np.float32).reshape(weights.shape)


def is_safe(grid: Weights, scheme: Scheme, *, depthwise: bool) -> bool:
    """Whether grid points ``[O, ...]`` can be executed by the scheme's kernels without saturation."""
    if float(np.abs(grid).max(initial=0)) > MAX_WEIGHT:
        return False
    if scheme == "symmetric" or depthwise:
        return True
    rows = accumulated(grid, scheme).astype(np.float64)
    rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
    return bool((largest_pair_sums(rows) <= MAX_PAIR_SUM).all())
