"""The task metric of a set of labelled images: top-1 of a classifier, average precision of a detector.

Everything that is held to a task metric asks a :class:`Task` and does not know which it is: link 4 of the
verification chain, budgets, the recovery ladder, ``edgecnn eval``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.ondevice.decode import decode
from edgecnn.proof.accuracy.classification import agreement, top_k_accuracy, top_k_hits
from edgecnn.proof.accuracy.detection import AveragePrecision, average_precision
from edgecnn.proof.accuracy.matching import overlaps, resampled_precision
from edgecnn.proof.accuracy.paired import (
    AccuracyTest,
    Precision,
    class_floor,
    compare_accuracy,
    compare_precision,
    pack_hits,
    pack_values,
)
from edgecnn.proof.links.verification import Bound, Link, task_cause, verify_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.data.objects import Objects
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detections, Detector
    from edgecnn.proof.accuracy.classification import Labels, Outputs
    from edgecnn.proof.links.limits import Limits

_CONFIDENCE = 0.95
_SAME_PLACE = 0.5
_SHARE_OF_LEVELS = 4


class Task(Protocol):
    """Labelled images, and what a network's outputs for them are worth; outputs are float32 ``[N, ...]``."""

    @property
    def metric(self) -> str:
        """Name of the metric: ``top1`` or ``ap``."""

    def values(self, outputs: Sequence[Outputs]) -> dict[str, float]:
        """Return the metric, and others by their names."""

    def verify(self, truth: Sequence[Outputs], shipped: Sequence[Outputs], limits: Limits) -> Link:
        """Judge link 4: the metric in shipping execution against fp32 on the same images."""

    def answers(self, shipped: Sequence[Outputs]) -> dict[str, Any]:
        """Return what later runs are compared with, and ``class_floor`` where there is one."""

    def compare(self, candidate: Sequence[Outputs], baseline: Sequence[Outputs]) -> AccuracyTest:
        """Compare two networks on these images, in both directions."""

    def agreement(self, one: Sequence[Outputs], other: Sequence[Outputs]) -> float:
        """Return the share of answers that both give: of images, or of detections."""


def task_of(images: PreparedSet, detector: Detector | None) -> Task:
    """Return the task that a prepared set is for.

    Raises:
        InputError: A detector has no boxes to be measured against, or none in any image.
    """
    if detector is None:
        return Classify(np.asarray(images.labels))
    if images.objects is None:
        raise InputError("the network is a detector, but the dataset has labels only")
    if all(image.ignored.all() for image in images.objects):
        raise InputError("no image of the evaluation set has a box: there is nothing to be found or missed")
    return Detect(detector, images.contract, images.objects)


@dataclass(frozen=True)
class Classify:
    """Images with one label each.

    Attributes:
        labels: int64 ``[N]``.
    """

    labels: Labels
    metric: str = "top1"

    def values(self, outputs: Sequence[Outputs]) -> dict[str, float]:
        """Return ``top1`` and ``top5``."""
        (logits,) = outputs
        top5 = top_k_accuracy(logits, self.labels, k=min(5, logits.shape[1]))
        return {"top1": top_k_accuracy(logits, self.labels), "top5": top5}

    def verify(self, truth: Sequence[Outputs], shipped: Sequence[Outputs], limits: Limits) -> Link:
        """Compare top-1."""
        (expected,), (logits,) = truth, shipped
        return verify_task(expected, logits, self.labels, limits)

    def answers(self, shipped: Sequence[Outputs]) -> dict[str, Any]:
        """Return which images were right."""
        (logits,) = shipped
        hits = top_k_hits(logits, self.labels)
        return {"hits": pack_hits(hits), "class_floor": class_floor(logits, self.labels)}

    def compare(self, candidate: Sequence[Outputs], baseline: Sequence[Outputs]) -> AccuracyTest:
        """Compare which images are right."""
        (after,), (before,) = candidate, baseline
        return compare_accuracy(top_k_hits(after, self.labels), top_k_hits(before, self.labels))

    def agreement(self, one: Sequence[Outputs], other: Sequence[Outputs]) -> float:
        """Return the share of images with the same class."""
        return agreement(one[0], other[0])


def score_levels(detector: Detector, outputs: Sequence[Outputs], contract: Contract) -> int:
    """Return how many distinct scores the boxes of all images have, after decoding.

    Where one scale left two or three, boxes are found, but nothing tells which of them are right.
    """
    sizes = [(contract.height, contract.width)] * len(outputs[0])
    found = _decode(detector, outputs, contract, sizes)
    return int(np.unique(np.concatenate([image.scores for image in found])).size)


def with_score_levels(link: Link, float_levels: int, levels: int, limits: Limits) -> Link:
    """Return link 2 with how many distinct scores a detector's boxes have left.

    Args:
        link: The link so far.
        float_levels: Of the float file, on the same images.
        levels: Of the target's file.
        limits: What is allowed.
    """
    least = min(limits.quantization_score_levels, float_levels / _SHARE_OF_LEVELS)
    metrics = {"score_levels": float(levels), "float_score_levels": float(float_levels)}
    cause = f"the boxes have {levels} distinct scores, {float_levels} in float: one scale serves too much"
    return replace(
        link,
        metrics=link.metrics | metrics,
        limits=link.limits | {"score_levels": Bound(least, at_least=True)},
        cause=link.cause or ("" if levels >= least else cause),
    )


def _decode(
    detector: Detector, outputs: Sequence[Outputs], contract: Contract, sizes: Sequence[tuple[int, int]]
) -> list[Detections]:
    try:
        return decode(detector.for_evaluation(), outputs, contract, sizes)
    except ValueError as error:
        raise InputError(f"the network does not answer as its detector says: {error}") from error


@dataclass(frozen=True)
class Detect:
    """Images with boxes.

    Attributes:
        detector: How outputs become boxes.
        contract: How the images became the network's input.
        objects: The boxes of each image.
    """

    detector: Detector
    contract: Contract
    objects: Objects
    metric: str = "ap"

    def decode(self, outputs: Sequence[Outputs]) -> list[Detections]:
        """Return the detections of every image, those of low scores too.

        Raises:
            InputError: The outputs are not those of the detector.
        """
        return _decode(self.detector, outputs, self.contract, self.objects.sizes)

    def values(self, outputs: Sequence[Outputs]) -> dict[str, float]:
        """Return ``ap`` (AP50:95) and ``ap50``."""
        return _named(average_precision(self.decode(outputs), self.objects))

    def verify(self, truth: Sequence[Outputs], shipped: Sequence[Outputs], limits: Limits) -> Link:
        """Compare average precision, with a paired interval over the images."""
        expected, found = self.decode(truth), self.decode(shipped)
        before, after = average_precision(expected, self.objects), average_precision(found, self.objects)
        low, high = self._drop_interval(expected, found)
        alike = detections_alike(self._shown(expected), self._shown(found))
        link = Link(
            4,
            "task",
            f"AP50:95 in shipping execution against fp32 on the same {len(self.objects)} images",
            {
                "drop": before.ap - after.ap,
                "drop_low": low,
                "drop_high": high,
                **_named(after),
                **{f"fp32_{name}": value for name, value in _named(before).items()},
                "ap50_drop": before.ap50 - after.ap50,
                "agreement": alike,
                "images": float(len(self.objects)),
            },
            {"drop": Bound(limits.task_drop, at_least=False)},
        )
        return task_cause(link, truth, shipped)

    def answers(self, shipped: Sequence[Outputs]) -> dict[str, Any]:
        """Return the metric, and what it is on resampled images."""
        found = self.decode(shipped)
        resampled = resampled_precision(found, self.objects)
        return {**_named(average_precision(found, self.objects)), "resampled": pack_values(resampled)}

    def compare(self, candidate: Sequence[Outputs], baseline: Sequence[Outputs]) -> AccuracyTest:
        """Compare AP50:95."""
        return compare_precision(*(self._precision(self.decode(side)) for side in (candidate, baseline)))

    def agreement(self, one: Sequence[Outputs], other: Sequence[Outputs]) -> float:
        """Return the share of shown detections that both have."""
        return detections_alike(*(self._shown(self.decode(side)) for side in (one, other)))

    def _precision(self, found: list[Detections]) -> Precision:
        ap = average_precision(found, self.objects).ap
        return Precision(ap, len(self.objects), resampled_precision(found, self.objects))

    def _shown(self, found: list[Detections]) -> list[Detections]:
        return [image.above(self.detector.score_threshold) for image in found]

    def _drop_interval(self, expected: list[Detections], found: list[Detections]) -> tuple[float, float]:
        """Return the percentile bootstrap interval of the loss of AP over images, drawn for both alike."""
        drops = resampled_precision(expected, self.objects) - resampled_precision(found, self.objects)
        tail = (1.0 - _CONFIDENCE) / 2.0
        low, high = np.quantile(drops, [tail, 1.0 - tail])
        return float(low), float(high)


def detections_alike(expected: Sequence[Detections], found: Sequence[Detections]) -> float:
    """Return the share of two networks' detections that both have: same class, IoU of a half or more.

    Twice the matched over all of both; 1 where neither has any.
    """
    matched = total = 0
    for one, other in zip(expected, found, strict=True):
        total += len(one) + len(other)
        near = overlaps(one.boxes.astype(np.float64), other.boxes.astype(np.float64)) >= _SAME_PLACE
        near &= one.classes[:, None] == other.classes
        free = np.ones(len(other), bool)
        for row in near:
            candidates = np.flatnonzero(row & free)
            if candidates.size:
                free[candidates[0]] = False
                matched += 1
    return 2 * matched / total if total else 1.0


def _named(value: AveragePrecision) -> dict[str, float]:
    return {"ap": value.ap, "ap50": value.ap50}
