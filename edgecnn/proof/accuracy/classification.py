"""Classification metrics, and the significance of a difference between two networks on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

Outputs = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]

_RESAMPLES = 10_000


def top_k_hits(outputs: Outputs, labels: Labels, k: int = 1) -> Hits:
    """Return for each image whether its label is among the ``k`` largest outputs.

    Among equal outputs the lower class comes first, as in ``argmax``; integer outputs do have ties. An image
    whose outputs contain a NaN is a miss.

    Args:
        outputs: float32 ``[N, classes]``.
        labels: int64 ``[N]``.
        k: Number of classes that count as predicted.

    Returns:
        bool ``[N]``.

    Raises:
        InputError: Shapes do not fit, or a label has no output.

    >>> top_k_hits(np.float32([[0.1, 0.9], [0.5, 0.5]]), np.array([1, 1]))
    array([ True, False])
    """
    if outputs.ndim != 2 or labels.shape != outputs.shape[:1]:
        raise InputError(
            f"outputs {list(outputs.shape)} and labels {list(labels.shape)} are not [N, classes] and [N]"
        )
    classes = outputs.shape[1]
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        worst = labels.max() if labels.max() >= classes else labels.min()
        raise InputError(f"label {worst} is out of range: the network has {classes} outputs")
    own = np.take_along_axis(outputs, labels[:, None], axis=1)
    earlier = np.arange(classes) < labels[:, None]
    rank = ((outputs > own) | ((outputs == own) & earlier)).sum(axis=1)
    hits: Hits = (rank < k) & ~np.isnan(outputs).any(axis=1)
    return hits


def top_k_accuracy(outputs: Outputs, labels: Labels, k: int = 1) -> float:
    """Return the share of images whose label is among the ``k`` largest outputs.

    Raises:
        InputError: As for :func:`top_k_hits`, or there are no images.
    """
    if len(labels) == 0:
        raise InputError("accuracy needs at least one image")
    return float(top_k_hits(outputs, labels, k).mean())


def agreement(one: Outputs, other: Outputs) -> float:
    """Return the share of images for which the largest outputs of two networks are the same class.

    Args:
        one: float32 ``[N, ...]``; more than one dimension after the first is flattened.
        other: The same shape.
    """
    same = _flat(one).argmax(axis=1) == _flat(other).argmax(axis=1)
    return float(same.mean())


@dataclass(frozen=True)
class Difference:
    """Task metric of two networks on the same images, with the confidence of the difference.

    Attributes:
        images: Number of images.
        candidate: Metric of the candidate, a fraction.
        baseline: Metric of the baseline.
        difference: Candidate minus baseline.
        low: Lower end of the confidence interval of the difference.
        high: Upper end.
        confidence: Confidence of the interval.
        p_value: Two-sided p-value of the hypothesis that there is no difference.
    """

    images: int
    candidate: float
    baseline: float
    difference: float
    low: float
    high: float
    confidence: float
    p_value: float


@dataclass(frozen=True)
class PairedDifference(Difference):
    """Two classifiers' accuracy on the same images; the p-value is McNemar's exact one.

    Attributes:
        only_candidate: Images that only the candidate gets right.
        only_baseline: Images that only the baseline gets right.
    """

    only_candidate: int
    only_baseline: int


def paired_difference(
    candidate: Hits, baseline: Hits, *, confidence: float = 0.95, seed: int = 0
) -> PairedDifference:
    """Compare two networks image by image.

    The interval is the percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13). An image is
    won, lost or tied, so a resample is one draw from a multinomial distribution. If no image is won or lost,
    the bootstrap would claim certainty; then the interval follows the rule of three: ``n`` draws leave a
    share of ``-ln(1 - confidence) / n`` undetected.

    Args:
        candidate: bool ``[N]``, whether the candidate is right for each image.
        baseline: bool ``[N]``, for the same images.
        confidence: Confidence of the interval.
        seed: Seed of the resampling.

    Raises:
        InputError: The two differ in length, or are empty.
    """
    if candidate.shape != baseline.shape or candidate.ndim != 1 or candidate.size == 0:
        raise InputError(
            f"cannot pair {list(candidate.shape)} results with {list(baseline.shape)}: "
            "the same images are needed"
        )
    images = int(candidate.size)
    won, lost = int((candidate & ~baseline).sum()), int((baseline & ~candidate).sum())
    if won + lost == 0:
        high = min(1.0, -math.log(1.0 - confidence) / images)
        low = -high
    else:
        shares = np.array([won, lost, images - won - lost]) / images
        draws = np.random.default_rng(seed).multinomial(images, shares, size=_RESAMPLES)
        tail = (1.0 - confidence) / 2.0
        low, high = np.quantile((draws[:, 0] - draws[:, 1]) / images, [tail, 1.0 - tail])
    return PairedDifference(
        images=images,
        candidate=float(candidate.mean()),
        baseline=float(baseline.mean()),
        difference=(won - lost) / images,
        low=float(low),
        high=float(high),
        confidence=confidence,
        p_value=mcnemar_exact(won, lost),
        only_candidate=won,
        only_baseline=lost,
    )


def mcnemar_exact(won: int, lost: int) -> float:
    """Return the two-sided exact p-value of McNemar's test (1947): a sign test on the images that differ.

    >>> mcnemar_exact(0, 6)
    0.03125
    >>> mcnemar_exact(0, 0)
    1.0
    """
    differing, fewer = won + lost, min(won, lost)
    ways, term = 0, 1
    for count in range(fewer + 1):
        ways += term
        term = term * (differing - count) // (count + 1)
    p_value: float = 2 * ways / 2**differing
    return min(1.0, p_value)


def _flat(outputs: Outputs) -> Outputs:
    return outputs.reshape(len(outputs), -1)
