"""Weight scales that cannot saturate x86's pairwise int8 multiply-add.

Without VNNI, x86 kernels multiply unsigned activations by signed weights with ``vpmaddubsw``, which adds
the products of two neighbours along the accumulated dimension in int16 and saturates at 32767 (Intel 64
and IA-32 Architectures Software Developer's Manual, volume 2, "PMADDUBSW"). The usual remedy is to
quantize all weights to 7 bits. But only a pair whose weights have the same sign and a large sum can
saturate: at the largest activation, 255, a pair is safe while ``|w1 + w2| <= 128``. Most channels need a
scale only about a quarter larger for that, so most of the eighth bit is kept, at the same speed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float32]

MAX_WEIGHT = 127
MAX_PAIR_SUM = 128
"""255 * 128 = 32640 is the largest multiple of 255 that int16 holds."""

_STEP = 1.002
SMALLEST_SCALE = 1e-12
"""Of a channel that is zero throughout."""


def pair_safe_scales(weights: Weights, limit: int = MAX_PAIR_SUM) -> Weights:
    """Return the smallest symmetric int8 scales at which no neighbouring pair of weights can saturate.

    Args:
        weights: float32 ``[O, K]``: one row an output channel, in the order in which the kernel accumulates;
            columns 2i and 2i + 1 are a pair.
        limit: What a pair may add up to.

    Returns:
        float32 ``[O]``.

    >>> (pair_safe_scales(np.float32([[127, -127], [127, 1], [127, 127]])) * 127).round(1).tolist()
    [127.0, 127.0, 252.0]
    """
    even = weights.shape[1] % 2
    padded = np.pad(weights.astype(np.float64), ((0, 0), (0, even)))
    peak = np.maximum(np.abs(padded).max(axis=1), SMALLEST_SCALE)
    scales = np.maximum(peak / MAX_WEIGHT, largest_pair_sums(padded) / limit).astype(np.float32)
    # Rounding can lift a pair over the limit by one; a few steps of a fifth of a percent bring it back.
    while (unsafe := largest_pair_sums(quantize_rows(padded, scales)) > limit).any():
        scales[unsafe] *= np.float32(_STEP)
    result: Weights = scales
    return result


def quantize_rows(weights: npt.NDArray[np.floating], scales: Weights) -> npt.NDArray[np.float64]:
    """Return the int8 grid points of ``[O, K]`` weights at one scale a row, as float64."""
    return np.clip(np.rint(weights / scales[:, None].astype(np.float64)), -MAX_WEIGHT, MAX_WEIGHT)


def largest_pair_sums(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the largest magnitude that a same-signed pair adds up to, in each row of ``[O, K]``, K even."""
    pairs = weights.reshape(len(weights), -1, 2)
    upward = np.maximum(pairs, 0).sum(axis=2).max(axis=1)
    downward = np.maximum(-pairs, 0).sum(axis=2).max(axis=1)
    sums: npt.NDArray[np.float64] = np.maximum(upward, downward)
    return sums
