"""Is a network's accuracy what it was? Image by image, in both directions."""

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
"""Images below which nothing is concluded: with fewer, one point of accuracy is two images."""

TOLERANCE = 0.005
_P_VALUE = 0.01
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class AccuracyTest:
    """What the same images say of a candidate and its baseline.

    Attributes:
        paired: The two metrics, their difference and its interval.
        tolerance: Difference that is let pass, either way.
        verdict: ``fail`` for a loss or an unexplained gain, ``inconclusive`` where there are too few images
            to tell.
        reason: One line.
    """

    paired: Difference
    tolerance: float
    verdict: Verdict
    reason: str


def compare_accuracy(
    candidate: Hits, baseline: Hits, *, tolerance: float = TOLERANCE, least_images: int = LEAST_IMAGES
) -> AccuracyTest:
    """Compare two networks on the same images, in both directions.

    A difference fails where it is larger than the tolerance and McNemar's exact test finds it at 1 %. A gain
    fails too: unless somebody can say where it comes from and accepts it, the images, the labels or the
    preprocessing are as likely to have changed as the network. It passes where the confidence interval of the
    difference lies within the tolerance, and else the images are too few.

    Args:
        candidate: bool ``[N]``: is the candidate right?
        baseline: bool ``[N]``, for the same images.
        tolerance: Difference that is let pass.
        least_images: Images below which nothing is concluded.

    Raises:
        InputError: The two are not of one length, or empty.
    """
    paired = paired_difference(candidate, baseline)
    return AccuracyTest(paired, tolerance, *_judge(paired, tolerance, least_images))


@dataclass(frozen=True)
class Precision:
    """A detector's average precision, and what it is on resampled images.

    Attributes:
        ap: AP50:95, a fraction.
        images: How many it was measured on.
        resampled: float ``[RESAMPLES]``, the same draws for every detector.
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
        candidate: What was measured of the candidate.
        baseline: What was measured of the baseline, on the same images.
        tolerance: Difference that is let pass.
        least_images: Images below which nothing is concluded.

    Raises:
        InputError: The two were measured on different numbers of images or draws.
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
    return AccuracyTest(paired, tolerance, *_judge(paired, tolerance, least_images))


def _judge(paired: Difference, tolerance: float, least_images: int) -> tuple[Verdict, str]:
    change = f"{100 * paired.difference:+.2f} points [{100 * paired.low:+.2f}, {100 * paired.high:+.2f}]"
    if paired.images < least_images:
        return Verdict.INCONCLUSIVE, f"{change} on {paired.images} images; at least {least_images} are needed"
    if paired.p_value < _P_VALUE and abs(paired.difference) > tolerance:
        kind = "lost" if paired.difference < 0 else "gained without an explanation: accept it, or find it"
        return Verdict.FAIL, f"{change} {kind} (p = {paired.p_value:.2g})"
    if max(-paired.low, paired.high) <= tolerance:
        return Verdict.PASS, change
    return Verdict.INCONCLUSIVE, f"{change}; {paired.images} images cannot tell {100 * tolerance:g} points"


def class_floor(outputs: Outputs, labels: Labels) -> float:
    """Return the accuracy of the class that is known worst; classes without images don't count.

    Args:
        outputs: float32 ``[N, classes]``.
        labels: int64 ``[N]``.

    >>> class_floor(np.float32([[1, 0], [1, 0], [0, 1]]), np.array([0, 0, 0]))
    0.6666666666666666
    """
    hits = outputs.argmax(axis=1) == labels
    return min(float(hits[labels == label].mean()) for label in np.unique(labels))


def pack_hits(hits: Hits) -> str:
    """Return bool ``[N]`` as text of a sixth of a character an image.

    >>> pack_hits(np.array([True, False, True]))
    'oA=='
    """
    return base64.b64encode(np.packbits(hits).tobytes()).decode("ascii")


def unpack_hits(text: str, images: int) -> Hits:
    """Return bool ``[images]`` from :func:`pack_hits`.

    Raises:
        InputError: The text is not that of so many images.

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
        InputError: The text is not that of numbers, or some of them are not finite.

    >>> unpack_values("AAAAPwAAgD4=").tolist()
    [0.5, 0.25]
    """
    try:
        values: Values = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the record of resampled precision is damaged: {error}") from error
    if not np.isfinite(values).all():
        raise InputError("the record of resampled precision holds values that are no numbers")
    return values
