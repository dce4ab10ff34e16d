"""Comparison of a newly quantized model with its float original on the calibration images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.documents.quantization import CalibrationHealth, OutputHealth
from edgecnn.quantization.sqnr import sqnr_db

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.quantization.ranges import Range
    from edgecnn.quantization.sqnr import Answer, Values


def calibration_health(
    truth: Sequence[Answer], answers: Sequence[Answer], outputs: Mapping[str, Range | None]
) -> CalibrationHealth:
    """Compare a quantized model with its float original on the calibration images, output by output.

    Args:
        truth: The float model's answer for each image.
        answers: The quantized model's answer for each image.
        outputs: By the name of each output, in order, the range that it was quantized with; None where it
            stays float.
    """
    columns = zip(zip(*truth, strict=True), zip(*answers, strict=True), outputs.items(), strict=True)
    found = {name: _output_health(want, have, bounds) for want, have, (name, bounds) in columns}
    worst, health = min(found.items(), key=lambda item: _ratio(item[1]))
    several = len(found) > 1
    return CalibrationHealth(**dict(health), worst=worst if several else "", outputs=found if several else {})


def _ratio(health: OutputHealth) -> float:
    return math.inf if health.sqnr_db is None else health.sqnr_db


def _output_health(truth: Sequence[Values], outputs: Sequence[Values], bounds: Range | None) -> OutputHealth:
    same = [int(np.argmax(want)) == int(np.argmax(have)) for want, have in zip(truth, outputs, strict=True)]
    low, high = (-math.inf, math.inf) if bounds is None else (bounds.low, bounds.high)
    quality = sqnr_db(truth, outputs)
    return OutputHealth(
        sqnr_db=round(quality, 2) if math.isfinite(quality) else None,
        agreement=round(sum(same) / len(same), 4),
        tied=sum(int(np.count_nonzero(have == have.max()) > 1) for have in outputs),
        clipped=sum(bool(want.max() > high or want.min() < low) for want in truth),
    )
