"""Detection of the end of the warm-up in a series of times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEAST = 10
"""Smallest number of times in which an end can be found."""

_BATCH = 5
_BATCHED_FROM = 50
_CLIP = 3.0
_STILL_FALLING = 0.02


def settled_after(times: npt.NDArray[np.int64]) -> int | None:
    """Return the number of times that belong to the warm-up, or None if its end is not visible.

    The marginal standard error rule (MSER-5: White, An effective truncation heuristic for bias reduction in
    simulation output, Simulation 69, 1997): the cut is at the smallest standard error of the mean of the
    rest, searched in the first half. If the last quarter is still faster than the one before, the series is
    not steady yet. Times beyond three robust deviations are clipped first, so that a single interruption does
    not decide.

    Args:
        times: Times in their order, int64 ``[N]``.

    >>> settled_after(np.array([90, 60, 40, *[30, 31, 30, 29] * 6]))
    3
    >>> settled_after(np.arange(40, 20, -1)) is None
    True
    """
    if len(times) < LEAST:
        return None
    size = _BATCH if len(times) >= _BATCHED_FROM else 1
    count = len(times) // size
    batches = np.median(times[: count * size].reshape(count, size), axis=1)
    late = batches[count // 2 :]
    middle = np.median(late)
    spread = 1.4826 * np.median(np.abs(late - middle))
    earlier, last = (float(np.median(part)) for part in np.array_split(late, 2))
    if earlier - last > _STILL_FALLING * last + spread:
        return None
    clipped = np.minimum(batches, middle + _CLIP * spread)
    errors = [float(clipped[cut:].var() / (count - cut)) for cut in range(count // 2 + 1)]
    return int(np.argmin(errors)) * size
