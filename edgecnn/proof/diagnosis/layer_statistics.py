"""Statistics of a layer's range, channels and weights, compared with the float file's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.documents.diagnosis import ChannelFacts, RangeFacts, WeightFacts
from edgecnn.proof.diagnosis.accumulators import Noise

if TYPE_CHECKING:
    from edgecnn.backends.dissection import Grid
    from edgecnn.proof.diagnosis.accumulators import Span

Values = npt.NDArray[np.float32]

CHANGED_DB = 10.0
"""Weights in 8 bits keep 30 dB or more; a channel with less than this has other weights."""

_NOTHING = 1e-30


def range_facts(grid: Grid | None, span: Span) -> RangeFacts | None:
    """Compare a grid with the float tensor's values; None if the tensor is float or was not observed."""
    if grid is None or span.low is None or span.high is None:
        return None
    low, high = float(grid.low.min()), float(grid.high.max())
    seen_low, seen_high = float(span.low.min()), float(span.high.max())
    used = max(0.0, min(high, seen_high) - max(low, seen_low))
    return RangeFacts(
        low=low,
        high=high,
        levels=grid.levels,
        seen_low=seen_low,
        seen_high=seen_high,
        clipped=span.clipped / max(1, span.count),
        unused=1.0 - used / max(high - low, _NOTHING),
    )


def channel_facts(span: Span) -> ChannelFacts | None:
    """Find dead and dominating channels; None if the tensor was not observed.

    >>> from edgecnn.proof.diagnosis.accumulators import Span
    >>> span = Span(axis=1)
    >>> span.add(np.float32([[[0, 0], [0, 1], [0, 40], [0, 2]]]), None)
    >>> channel_facts(span)
    ChannelFacts(dead=(0,), widest=2, widest_ratio=20.0)
    """
    if span.low is None or span.high is None:
        return None
    spans = span.high - span.low
    live = spans[spans > 0]
    widest = int(spans.argmax())
    ratio = float(spans[widest] / np.median(live)) if live.size else 1.0
    dead = tuple(map(int, np.flatnonzero(spans == 0)))
    return ChannelFacts(dead=dead, widest=widest, widest_ratio=ratio)


def weight_facts(floats: Values | None, quantized: Values | None) -> WeightFacts | None:
    """Compare weights ``[O, ...]``; None if a file has none, or none of that shape."""
    if floats is None or quantized is None or floats.shape != quantized.shape:
        return None
    want = floats.reshape(len(floats), -1).astype(np.float64)
    have = quantized.reshape(len(quantized), -1).astype(np.float64)
    energy, error = np.square(want).sum(axis=1), np.square(want - have).sum(axis=1)
    changed = np.flatnonzero(error > 10 ** (-CHANGED_DB / 10) * energy)
    gain = 1.0
    if changed.size:
        first = changed[0]
        gain = float((want[first] * have[first]).sum() / max(energy[first], _NOTHING))
    peaks = np.abs(have).max(axis=1)
    outlier = int(peaks.argmax())
    return WeightFacts(
        sqnr_db=Noise(float(energy.sum()), float(error.sum())).db,
        changed=tuple(map(int, changed)),
        gain=gain,
        outlier=outlier,
        outlier_ratio=float(peaks[outlier] / max(float(np.median(peaks)), _NOTHING)),
    )
