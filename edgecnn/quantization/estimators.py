"""Range estimators that use the distribution of a tensor's values, not only its extremes.

Each takes a sample of a tensor's values over all calibration images and returns the real interval that 256
levels cover:

==============  =======================================================================================
``percentile``  cuts the same small share of values at both ends (Li et al. 2019, "Fully Quantized
                Network for Object Detection", section 3.2)
``mse``         least mean squared error of clipping and rounding together (Banner et al. 2019,
                arXiv:1810.05723, searched instead of assuming a distribution)
``entropy``     least Kullback-Leibler divergence between the original and the quantized values (Migacz
                2017, "8-bit inference with TensorRT")
==============  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Interval = tuple[float, float]
Estimator = Callable[[Values], Interval]

LEVELS = 256
CUT_SHARE = 1e-4
"""Share of values that ``percentile`` clips at each end."""

_BINS = 2048
_TURNS = 2
_SHARES = np.linspace(0.30, 1.0, 71)
"""Shares of the extreme values that are tried as limits."""


@dataclass(frozen=True)
class _Histogram:
    """Values as counts: ``counts`` float64 ``[bins]`` at ``centers`` float64 ``[bins]``."""

    centers: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]

    @classmethod
    def of(cls, values: Values) -> _Histogram:
        counts, edges = np.histogram(values.astype(np.float64), bins=_BINS)
        return cls((edges[:-1] + edges[1:]) / 2, counts.astype(np.float64))


def percentile(values: Values) -> Interval:
    """Return the interval without the most extreme values at both ends.

    >>> low, high = percentile(np.linspace(0, 1, 10001, dtype=np.float32))
    >>> round(low, 4), round(high, 4)
    (0.0001, 0.9999)
    """
    low, high = np.quantile(values, [CUT_SHARE, 1 - CUT_SHARE])
    return float(low), float(high)


def mse_optimal(values: Values) -> Interval:
    """Return the interval with the smallest squared error of quantization.

    >>> tails = np.float32([*np.linspace(-1, 1, 4000), 50])
    >>> low, high = mse_optimal(tails)
    >>> high < 50
    True
    """
    return _search(values, _squared_error)


def entropy_optimal(values: Values) -> Interval:
    """Return the interval with the smallest Kullback-Leibler divergence from the values' distribution."""
    return _search(values, _divergence)


DISTRIBUTION_ESTIMATORS: dict[str, Estimator] = {
    "percentile": percentile,
    "mse": mse_optimal,
    "entropy": entropy_optimal,
}


def _search(values: Values, cost: Callable[[_Histogram, float, float], float]) -> Interval:
    """Try shares of the extremes as limits, alternating between the upper and the lower limit."""
    low, high = smallest, largest = float(values.min()), float(values.max())
    if low == high:
        return low, high
    histogram = _Histogram.of(values)
    for _ in range(_TURNS):
        if largest > 0:
            tops = [float(largest * share) for share in _SHARES]
            high = min(tops, key=lambda top: cost(histogram, low, top))
        if smallest < 0:
            bottoms = [float(smallest * share) for share in _SHARES]
            low = min(bottoms, key=lambda bottom: cost(histogram, bottom, high))
    return low, high


def _squared_error(histogram: _Histogram, low: float, high: float) -> float:
    bottom, top = min(low, 0.0), max(high, 0.0)
    step = (top - bottom) / (LEVELS - 1)
    if step <= 0.0:
        return float("inf")
    clipped = np.clip(histogram.centers, bottom, top)
    error = histogram.centers - (np.rint((clipped - bottom) / step) * step + bottom)
    return float(histogram.counts @ np.square(error))


def _divergence(histogram: _Histogram, low: float, high: float) -> float:
    """Return KL(P || Q): P has clipped values in its end bins, Q one average per quantization level."""
    inside = (histogram.centers >= low) & (histogram.centers <= high)
    if np.count_nonzero(inside) < LEVELS:
        return float("inf")
    kept = histogram.counts[inside].copy()
    whole = kept.copy()
    whole[0] += histogram.counts[histogram.centers < low].sum()
    whole[-1] += histogram.counts[histogram.centers > high].sum()
    group = np.arange(len(kept)) * LEVELS // len(kept)
    filled = kept > 0
    members = np.bincount(group, weights=filled, minlength=LEVELS)
    averages = np.bincount(group, weights=kept, minlength=LEVELS) / np.maximum(members, 1)
    levelled = np.where(filled, averages[group], 0.0)
    p, q = whole / whole.sum(), levelled / max(levelled.sum(), 1.0)
    shown = p > 0
    # A bin that contains only clipped values has no level; it counts as the rarest level.
    floor = 1.0 / max(histogram.counts.sum(), 1.0)
    return float(np.sum(p[shown] * np.log(p[shown] / np.maximum(q[shown], floor))))
