"""Signal to quantization noise ratios of a network's outputs, in dB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Values = npt.NDArray[np.float32]

Answer = tuple[Values, ...]
"""Outputs of a network for one image: one flat array per output."""

_PEAKS = 0.01
"""Share of a map's values that count as its peaks."""


def mean_sqnr_db(truth: Sequence[Answer], answers: Sequence[Answer]) -> float:
    """Return the mean over all outputs of their signal to quantization noise ratios, in dB.

    Outputs may have different scales, such as boxes in pixels and scores, and a ratio over all values would
    ignore the small ones. Several outputs are taken for maps and judged at their peaks
    (:func:`peak_sqnr_db`).

    >>> round(mean_sqnr_db([(np.float32([3, 4]),)], [(np.float32([3, 4.5]),)]), 6)
    20.0
    """
    if len(truth[0]) == 1:
        return sqnr_of_outputs(truth, answers)[0]
    ratios = [
        peak_sqnr_db(want, have)
        for want, have in zip(zip(*truth, strict=True), zip(*answers, strict=True), strict=True)
    ]
    return float("-inf") if float("-inf") in ratios else float(np.mean(ratios))


def peak_sqnr_db(truth: Sequence[Values], outputs: Sequence[Values]) -> float:
    """Return the variance of a map over its mean squared error at its highest values, in dB.

    A detector's score map is background nearly everywhere. The detections depend on the few high values of
    each image, and a range that clips only these hardly affects the error of the whole map.

    >>> scores = np.linspace(-10, 2, 1000, dtype=np.float32)
    >>> peak_sqnr_db([scores], [scores.clip(max=1.5)]) < sqnr_db([scores], [scores.clip(max=1.5)]) - 20
    True
    """
    signal = float(np.var(np.concatenate(truth), dtype=np.float64))
    errors = []
    for want, have in zip(truth, outputs, strict=True):
        count = max(1, int(_PEAKS * want.size))
        peaks = np.argpartition(want, -count)[-count:]
        errors.append(np.square(want[peaks] - have[peaks], dtype=np.float64))
    noise = float(np.concatenate(errors).mean())
    if noise == 0.0:
        return float("inf")
    return float("-inf") if signal == 0.0 else float(10.0 * np.log10(signal / noise))


def sqnr_of_outputs(truth: Sequence[Answer], answers: Sequence[Answer]) -> list[float]:
    """Return the signal to quantization noise ratio of every output over all images, in dB."""
    return [
        sqnr_db(list(want), list(have))
        for want, have in zip(zip(*truth, strict=True), zip(*answers, strict=True), strict=True)
    ]


def sqnr_db(truth: Sequence[Values], outputs: Sequence[Values]) -> float:
    """Return the signal to quantization noise ratio over all images, in dB.

    >>> round(sqnr_db([np.float32([3, 4])], [np.float32([3, 4.5])]), 6)
    20.0
    """
    signal = sum(float(np.square(want, dtype=np.float64).sum()) for want in truth)
    noise = sum(
        float(np.square(want - have, dtype=np.float64).sum())
        for want, have in zip(truth, outputs, strict=True)
    )
    if noise == 0.0:
        return float("inf")
    return float("-inf") if signal == 0.0 else float(10.0 * np.log10(signal / noise))
