"""What a freshly quantized model answers on its own calibration images: the first sign of trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecnn.compress.ranges import sqnr_db

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.compress.ranges import Range

Flat = npt.NDArray[np.float32]


def calibration_health(
    truth: Sequence[Flat], outputs: Sequence[Flat], output_ranges: Sequence[Range]
) -> dict[str, Any]:
    """Compare a quantized model with its float original on the calibration images.

    Args:
        truth: The float model's outputs, one flat array an image.
        outputs: The quantized model's, in the same form.
        output_ranges: Ranges that the outputs were quantized with; empty where they stay float.

    Returns:
        ``sqnr_db``, None where it is infinite; ``agreement``, the share of images with the same best score;
        ``tied``, images whose best score is shared; ``clipped``, images with a float score outside every
        output's range.
    """
    best = [int(np.argmax(want)) == int(np.argmax(have)) for want, have in zip(truth, outputs, strict=True)]
    tied = sum(int(np.count_nonzero(have == have.max()) > 1) for have in outputs)
    high = max((bounds.high for bounds in output_ranges), default=np.inf)
    low = min((bounds.low for bounds in output_ranges), default=-np.inf)
    clipped = sum(bool(want.max() > high or want.min() < low) for want in truth)
    quality = sqnr_db(truth, outputs)
    return {
        "sqnr_db": round(quality, 2) if np.isfinite(quality) else None,
        "agreement": round(sum(best) / len(best), 4),
        "tied": tied,
        "clipped": clipped,
    }
