"""Comparison of a newly quantized model with its float original on the calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.quantization.sqnr import sqnr_db

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.quantization.ranges import Range
    from edgecnn.quantization.sqnr import Answer, Values


def calibration_health(
    truth: Sequence[Answer], answers: Sequence[Answer], outputs: Mapping[str, Range | None]
) -> dict[str, Any]:
    """Compare a quantized model with its float original on the calibration images, output by output.

    Args:
        truth: Outputs of the float model for each image.
        answers: Outputs of the quantized model for each image.
        outputs: The range that each output was quantized with, in order and by name; None if it stays float.

    Returns:
        ``sqnr_db``, None if it is infinite; ``agreement``, the share of images with the same best score;
        ``tied``, images whose best score is not unique; ``clipped``, images with a float value outside the
        range. With several outputs, the values of the worst one, its name as ``worst``, and all values under
        ``outputs``.
    """
    columns = zip(zip(*truth, strict=True), zip(*answers, strict=True), outputs.items(), strict=True)
    figures = {name: _figures(want, have, bounds) for want, have, (name, bounds) in columns}
    worst = min(
        figures, key=lambda name: np.inf if figures[name]["sqnr_db"] is None else figures[name]["sqnr_db"]
    )
    return figures[worst] | ({"worst": worst, "outputs": figures} if len(figures) > 1 else {})


def _figures(truth: Sequence[Values], outputs: Sequence[Values], bounds: Range | None) -> dict[str, Any]:
    same = [int(np.argmax(want)) == int(np.argmax(have)) for want, have in zip(truth, outputs, strict=True)]
    tied = sum(int(np.count_nonzero(have == have.max()) > 1) for have in outputs)
    low, high = (-np.inf, np.inf) if bounds is None else (bounds.low, bounds.high)
    clipped = sum(bool(want.max() > high or want.min() < low) for want in truth)
    quality = sqnr_db(truth, outputs)
    return {
        "sqnr_db": round(quality, 2) if np.isfinite(quality) else None,
        "agreement": round(sum(same) / len(same), 4),
        "tied": tied,
        "clipped": clipped,
    }
