"""Calibration sets: the few real images from which activation ranges are estimated.

Only a prepared set can become a calibration set, and a prepared set is made of image files, so nobody can
calibrate on random tensors. This module checks for the mistakes that remain: too few images, blank images,
pictures of noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError, not_written
from edgecnn.data.sampling import stratified

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.data.prepared import PreparedSet

MIN_IMAGES = 8
"""Calibration is refused with fewer images, because their ranges would be accidental."""

ADVISED_IMAGES = 32
"""With fewer images there is a warning; a hundred or more are usual."""

_MAX_NOISE_CORRELATION = 0.1
_SAMPLE_PIXELS_PER_SIDE = 128


@dataclass(frozen=True)
class CalibrationReport:
    """Findings about a calibration set.

    Attributes:
        images: Number of images.
        digest: SHA-256 of the set, recorded in the manifest of the artifacts calibrated with it.
        warnings: One line each.
    """

    images: int
    digest: str
    warnings: tuple[str, ...]


def choose_calibration(prepared: PreparedSet, directory: Path, *, count: int, seed: int = 0) -> PreparedSet:
    """Write ``count`` images, evenly over the classes, as a separate prepared set.

    Raises:
        InputError: ``count`` is not positive, or the directory cannot be written.
    """
    if count < 1:
        raise InputError(f"calibration with {count} images is not possible", hint=_REAL_IMAGES)
    try:
        return prepared.select(stratified(prepared.labels, count, seed), directory)
    except OSError as error:
        raise not_written(directory, error) from error


def check_calibration(prepared: PreparedSet) -> CalibrationReport:
    """Refuse a calibration set that cannot give ranges, and warn of a doubtful one.

    An image is blank when all its pixels have one value in every channel. It is noise when neighbouring
    pixels are uncorrelated: below 0.1 in both directions, where photos are above 0.7.

    Raises:
        InputError: There are fewer than :data:`MIN_IMAGES` images that are not blank, or most are noise.
    """
    blank = [_is_blank(image) for image in prepared.images]
    noisy = [not empty and _is_noise(image) for empty, image in zip(blank, prepared.images, strict=True)]
    usable = len(prepared) - sum(blank)
    if usable < MIN_IMAGES:
        of_one_color = f" and {sum(blank)} of one colour" if any(blank) else ""
        raise InputError(
            f"calibration needs at least {MIN_IMAGES} images, not {usable}{of_one_color}", hint=_REAL_IMAGES
        )
    if 2 * sum(noisy) > usable:
        name = prepared.names[noisy.index(True)]
        raise InputError(f"{sum(noisy)} calibration images are noise, such as {name}", hint=_REAL_IMAGES)
    warnings = []
    for what, flags in (("of one colour", blank), ("noise", noisy)):
        if any(flags):
            example = prepared.names[flags.index(True)]
            warnings.append(f"{sum(flags)} calibration images are {what}, such as {example}")
    if usable < ADVISED_IMAGES:
        warnings.append(f"ranges from {usable} images are unsteady; {ADVISED_IMAGES} or more are advised")
    return CalibrationReport(len(prepared), prepared.digest, tuple(warnings))


_REAL_IMAGES = "calibrate with a hundred or so real images of the kind that the device will see"


def _is_blank(image: npt.NDArray[np.uint8]) -> bool:
    return bool((image == image[0, 0]).all())


def _is_noise(image: npt.NDArray[np.uint8]) -> bool:
    """Return whether neighbouring pixels are uncorrelated, along the rows and along the columns."""
    pixels = image[:_SAMPLE_PIXELS_PER_SIDE, :_SAMPLE_PIXELS_PER_SIDE].astype(np.float64)
    if min(pixels.shape[:2]) < 2:
        return False
    pixels -= pixels.mean(axis=(0, 1))
    along_rows = abs(float((pixels[:, 1:] * pixels[:, :-1]).mean()))
    along_columns = abs(float((pixels[1:] * pixels[:-1]).mean()))
    return max(along_rows, along_columns) < _MAX_NOISE_CORRELATION * float((pixels**2).mean())
