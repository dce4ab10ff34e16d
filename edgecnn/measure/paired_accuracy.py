"""Is a network's accuracy what it was? Image by image, in both directions."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import InputError
from edgecnn.measure.accuracy import Hits, PairedDifference, paired_difference
from edgecnn.measure.verdict import Verdict

if TYPE_CHECKING:
    from edgecnn.measure.accuracy import Labels, Outputs

LEAST_IMAGES = 200
"""Images below which nothing is concluded: with fewer, one point of accuracy is two images."""

TOLERANCE = 0.005
_P_VALUE = 0.01


@dataclass(frozen=True)
class AccuracyTest:
    """What the same images say of a candidate and its baseline.

    Attributes:
        paired: The two accuracies, their difference and its interval.
        tolerance: Difference that is let pass, either way.
        verdict: ``fail`` for a loss or an unexplained gain, ``inconclusive`` where there are too few images
            to tell.
        reason: One line.
    """

    paired: PairedDifference
    tolerance: float
    verdict: Verdict
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the test as plain data."""
        return asdict(self)


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
    verdict, reason = _judge(paired, tolerance, least_images)
    return AccuracyTest(paired, tolerance, verdict, reason)


def _judge(paired: PairedDifference, tolerance: float, least_images: int) -> tuple[Verdict, str]:
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
