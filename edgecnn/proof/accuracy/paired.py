"""Paired comparison of two networks' accuracy, image by image and in both directions."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError
from edgecnn.proof.accuracy.classification import Difference, Hits, paired_difference

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgecnn.proof.accuracy.classification import Labels, Outputs

    Values = npt.NDArray[np.floating[Any]]

LEAST_IMAGES = 200
"""Smallest number of images for a pass; with fewer, one point of accuracy is two images."""

TOLERANCE = 0.005
_LEAST_DRAWN = 50
"""Smallest number of images whose bootstrap can show a loss; McNemar's exact test needs no such number."""

_P_VALUE = 0.01
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class AccuracyTest:
    """Result of comparing a candidate with its baseline on the same images.

    Attributes:
        paired: The two metrics, their difference and its interval.
        tolerance: Difference that passes in either direction.
        verdict: ``fail`` for a loss or an unexplained gain, ``inconclusive`` if there are too few images.
        reason: Reason in one line.
    """

    paired: Difference
    tolerance: float
    verdict: Verdict
    reason: str


def compare_accuracy(
    candidate: Hits, baseline: Hits, *, tolerance: float = TOLERANCE, least_images: int = LEAST_IMAGES
) -> AccuracyTest:
    """Compare two networks on the same images, in both directions.

    A difference fails if it is larger than the tolerance and significant at 1 % in McNemar's exact test. A
    gain fails too: unless it can be explained and is accepted, a change of the images, the labels or the
    preprocessing is as likely as a better network. The difference passes if its confidence interval is within
    the tolerance; otherwise there are too few images. Few images can show a failure, and never a pass.

    Args:
        candidate: bool ``[N]``, whether the candidate is right for each image.
        baseline: bool ``[N]``, for the same images.
        tolerance: Difference that passes.
        least_images: Smallest number of images for a pass.

    Raises:
        InputError: The two differ in length, or are empty.
    """
    paired = paired_difference(candidate, baseline)
    return AccuracyTest(paired, tolerance, *_judge(paired, tolerance, least_images))


@dataclass(frozen=True)
class Precision:
    """A detector's average precision and its values on resampled images.

    Attributes:
        ap: AP50:95, a fraction.
        images: Number of evaluated images.
        resampled: float ``[RESAMPLES]``, with the same draws for every detector.
    """

    ap: float
    images: int
    resampled: Values


def compare_precision(
    candidate: Precision,
    baseline: Precision,
    *,
    tolerance: float = TOLERANCE,
    least_images: int = LEAST_IMAGES,
) -> AccuracyTest:
    """Compare two detectors on the same images, in both directions, by the paired bootstrap over images.

    The rules are those of :func:`compare_accuracy`. The differences over the draws (Efron and Tibshirani
    1993, chapter 13) give the interval by their quantiles and the p-value by their spread.

    Args:
        candidate: Precision of the candidate.
        baseline: Precision of the baseline, on the same images.
        tolerance: Difference that passes.
        least_images: Smallest number of images for a pass.

    Raises:
        InputError: The two have different numbers of images or draws.
    """
    if candidate.images != baseline.images or candidate.resampled.shape != baseline.resampled.shape:
        raise InputError(
            f"cannot pair {candidate.images} images with {baseline.images}: the same ones are needed"
        )
    draws = candidate.resampled.astype(np.float64) - baseline.resampled
    difference, spread = candidate.ap - baseline.ap, float(draws.std(ddof=1))
    low, high = np.quantile(draws, [(1.0 - _CONFIDENCE) / 2.0, (1.0 + _CONFIDENCE) / 2.0])
    if spread > 0.0:
        p_value = math.erfc(abs(difference) / spread / math.sqrt(2.0))
    else:
        p_value = 1.0 if difference == 0.0 else 0.0
    paired = Difference(
        images=candidate.images,
        candidate=candidate.ap,
        baseline=baseline.ap,
        difference=difference,
        low=float(low),
        high=float(high),
        confidence=_CONFIDENCE,
        p_value=p_value,
    )
    least_failing = min(least_images, _LEAST_DRAWN)
    return AccuracyTest(paired, tolerance, *_judge(paired, tolerance, least_images, least_failing))


def _judge(
    paired: Difference, tolerance: float, least_images: int, least_failing: int = 0
) -> tuple[Verdict, str]:
    change = f"{100 * paired.difference:+.2f} points [{100 * paired.low:+.2f}, {100 * paired.high:+.2f}]"
    if paired.p_value < _P_VALUE and abs(paired.difference) > tolerance and paired.images >= least_failing:
        kind = "lost" if paired.difference < 0 else "gained without an explanation: accept it, or find it"
        return Verdict.FAIL, f"{change} {kind} (p = {paired.p_value:.2g})"
    if paired.images < least_images:
        return Verdict.INCONCLUSIVE, f"{change} on {paired.images} images; at least {least_images} are needed"
    if max(-paired.low, paired.high) <= tolerance:
        return Verdict.PASS, change
    return Verdict.INCONCLUSIVE, f"{change}; {paired.images} images cannot tell {100 * tolerance:g} points"


def class_floor(outputs: Outputs, labels: Labels) -> float:
    """Return the accuracy of the class with the lowest known accuracy; classes without images are skipped.

    Args:
        outputs: float32 ``[N, classes]``.
        labels: int64 ``[N]``.

    >>> class_floor(np.float32([[1, 0], [1, 0], [0, 1]]), np.array([0, 0, 0]))
    0.6666666666666666
    """
    hits = outputs.argmax(axis=1) == labels
    return min(float(hits[labels == label].mean()) for label in np.unique(labels))


def pack_hits(hits: Hits) -> str:
    """Return bool ``[N]`` as base64 text, six images per character.

    >>> pack_hits(np.array([True, False, True]))
    'oA=='
    """
    return base64.b64encode(np.packbits(hits).tobytes()).decode("ascii")


def unpack_hits(text: str, images: int) -> Hits:
    """Return bool ``[images]`` from :func:`pack_hits`.

    Raises:
        InputError: The text does not encode that many images.

    >>> unpack_hits("oA==", 3)
    array([ True, False,  True])
    """
    try:
        data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the record of right answers is damaged: {error}") from error
    if images < 1 or len(data) != (images + 7) // 8:
        raise InputError(f"the record of right answers holds {len(data)} bytes, not those of {images} images")
    return np.unpackbits(data, count=images).astype(np.bool_)


def pack_values(values: Values) -> str:
    """Return numbers ``[N]`` as text, in single precision.

    >>> pack_values(np.array([0.5, 0.25]))
    'AAAAPwAAgD4='
    """
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")


def unpack_values(text: str) -> Values:
    """Return float32 ``[N]`` from :func:`pack_values`.

    Raises:
        InputError: The text does not encode numbers, or some of them are not finite.

    >>> unpack_values("AAAAPwAAgD4=").tolist()
    [0.5, 0.25]
    """
    try:
        values: Values = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the record of resampled precision is damaged: {error}") from error
    if not np.isfinite(values).all():
        raise InputError("the record of resampled precision holds values that are not finite numbers")
    return values
