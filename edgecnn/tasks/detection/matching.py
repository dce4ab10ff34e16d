"""Matching of detections with boxes, and average precision with weighted images, for intervals.

The rules are those of COCO's evaluation (Lin et al. 2014, ``cocoeval.py``): in the order of their scores, the
detections of a class each take the free box that they overlap most; crowds and difficult objects count
neither as found nor as missed. The reported values come from faster-coco-eval (``average_precision.py``);
this is the same sum in a form that can be resampled, and a test compares both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.data.objects import ImageObjects, Objects
    from edgecnn.ondevice.detector import Detections

    Array = npt.NDArray[np.float64]

OVERLAPS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0.0, 1.0, 101)
_TINY = float(np.spacing(1))
RESAMPLES = 500
"""Number of resamples of the images, drawn with replacement, for an interval."""


@dataclass(frozen=True)
class _Class:
    """All detections of one class, the best score first; T overlaps, D detections, N images.

    Attributes:
        images: int64 ``[D]``, the image of each detection.
        right: bool ``[T, D]``.
        ignored: bool ``[T, D]``, neither right nor wrong.
        positives: int64 ``[N]``, objects of the class in each image.
    """

    images: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    ignored: npt.NDArray[np.bool_]
    positives: npt.NDArray[np.int64]


class Matches:
    """Detections of a set of images, matched once with its boxes.

    Between two right detections precision falls and recall is constant, so only the right ones are kept: a
    few numbers per object, which makes hundreds of resamples affordable. The right detections of one class at
    one overlap are a *run*; all runs are stored in sequence.

    Args:
        found: Detections of every image.
        objects: Boxes of every image.
    """

    def __init__(self, found: Sequence[Detections], objects: Objects) -> None:
        labels = sorted({int(label) for image in objects for label in image.labels})
        classes = [_match_class(found, objects, label) for label in labels]
        sizes = [len(matched.images) for matched in classes]
        self._starts = np.cumsum([0, *sizes])[:-1]
        self._images = np.concatenate([np.empty(0, np.int64), *(matched.images for matched in classes)])
        self._positives = np.stack([matched.positives for matched in classes], 1) if classes else None
        right = np.concatenate([np.empty((len(OVERLAPS), 0), bool), *(m.right for m in classes)], axis=1)
        ignored = np.concatenate([np.empty((len(OVERLAPS), 0), bool), *(m.ignored for m in classes)], axis=1)
        self._ignored = ignored if ignored.any() else None
        self._overlap, self._place = np.nonzero(right)
        self._class = np.searchsorted(self._starts, self._place, side="right") - 1
        self._run = self._overlap * len(classes) + self._class
        self._first = np.diff(self._run, prepend=-1) != 0

    def average_precision(self, weights: Array) -> tuple[float, float]:
        """Return AP50:95 and AP50 if image ``i`` counts ``weights[i]`` times; -1 without any object.

        Args:
            weights: float64 ``[N]``.
        """
        positives = np.zeros(0) if self._positives is None else weights @ self._positives
        if not (positives > 0).any():
            return -1.0, -1.0
        areas = np.zeros(len(OVERLAPS) * len(positives))
        if len(self._run):
            precision, reached = self._curve(weights, positives)
            areas += np.bincount(self._run, precision * reached, len(areas)) / len(_RECALLS)
        mean = areas.reshape(len(OVERLAPS), -1)[:, positives > 0].mean(axis=1)
        return float(mean.mean()), float(mean[0])

    def _curve(self, weights: Array, positives: Array) -> tuple[Array, Array]:
        """Return each right detection's best precision from there on, and its number of new recalls."""
        counts = weights[self._images]
        right = self._within_run(np.cumsum(counts[self._place]), counts[self._place])
        everything = np.concatenate([[0.0], np.cumsum(counts)])
        seen = everything[self._place + 1] - everything[self._starts][self._class]
        if self._ignored is not None:
            skipped = np.cumsum(self._ignored * counts, axis=1)
            skipped = np.concatenate([np.zeros((len(OVERLAPS), 1)), skipped], axis=1)
            at = self._overlap
            seen = seen - (skipped[at, self._place + 1] - skipped[at, self._starts[self._class]])
        precision = right / (seen + _TINY)
        # The best precision from here to the end of the run; later runs are lowered by two each.
        above = 2.0 * (self._run[-1] - self._run)
        precision = np.maximum.accumulate((precision + above)[::-1])[::-1] - above
        recall = right / np.maximum(positives[self._class], _TINY)
        reached = np.searchsorted(_RECALLS, recall, side="right").astype(np.float64)
        before = np.where(self._first, 0.0, np.concatenate([[0.0], reached[:-1]]))
        return precision, reached - before

    def _within_run(self, sums: Array, values: Array) -> Array:
        """Convert running sums over all runs into running sums within each."""
        first = np.flatnonzero(self._first)
        offsets = (sums - values)[first]
        within: Array = sums - np.repeat(offsets, np.diff(np.append(first, len(sums))))
        return within


def resampled_precision(found: Sequence[Detections], objects: Objects) -> Array:
    """Return AP50:95 for draws of the images with replacement, float64 ``[RESAMPLES]``.

    The draws depend only on the number of images. The values of two networks on the same images are therefore
    paired, even if one of them was evaluated years before: NumPy keeps the stream of this generator.

    Args:
        found: Detections of every image.
        objects: Boxes of every image.
    """
    matches, count = Matches(found, objects), len(objects)
    stream = np.random.RandomState(0)
    draws = stream.multinomial(count, np.full(count, 1.0 / count), RESAMPLES).astype(np.float64)
    return np.array([matches.average_precision(weights)[0] for weights in draws])


def _match_class(found: Sequence[Detections], objects: Objects, label: int) -> _Class:
    images, scores, right, ignored, positives = [], [], [], [], []
    for number, (detections, image) in enumerate(zip(found, objects, strict=True)):
        mine = np.flatnonzero(detections.classes == label)
        mine = mine[np.argsort(-detections.scores[mine], kind="stable")]
        good, skipped = _match_image(detections.boxes[mine].astype(np.float64), image, label)
        images.append(np.full(len(mine), number, np.int64))
        scores.append(detections.scores[mine])
        right.append(good)
        ignored.append(skipped)
        positives.append(int(((image.labels == label) & ~image.ignored).sum()))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _Class(
        np.concatenate(images)[order],
        np.concatenate(right, axis=1)[:, order],
        np.concatenate(ignored, axis=1)[:, order],
        np.array(positives, np.int64),
    )


def _match_image(
    boxes: Array, image: ImageObjects, label: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Match boxes ``[D, 4]`` of one class in one image; return right and ignored ones, bool ``[T, D]``."""
    own = image.labels == label
    counted = overlaps(boxes, image.boxes[own & ~image.ignored].astype(np.float64))
    crowds = overlaps(boxes, image.boxes[own & image.ignored].astype(np.float64), crowd=True)
    right = np.zeros((len(OVERLAPS), len(boxes)), bool)
    free = np.ones((len(OVERLAPS), counted.shape[1]), bool)
    for index, row in enumerate(counted):
        if not row.size:
            break
        open_rows = np.where(free, row, -1.0)
        # Among equal overlaps the last object is taken, as in COCO's loop.
        best = row.size - 1 - open_rows[:, ::-1].argmax(axis=1)
        matched = np.take_along_axis(open_rows, best[:, None], axis=1)[:, 0] >= OVERLAPS
        right[:, index] = matched
        free[matched, best[matched]] = False
    in_crowd = crowds.max(axis=1, initial=-1.0) >= OVERLAPS[:, None]
    return right, in_crowd & ~right


def overlaps(boxes: Array, objects: Array, *, crowd: bool = False) -> Array:
    """Return the IoU of every pair of ``[D, 4]`` and ``[M, 4]``, ``[D, M]``.

    Args:
        boxes: Corners of detections.
        objects: Corners of objects.
        crowd: Divide by the detection's own area, because a detection only has to lie within the crowd.

    >>> overlaps(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
    [[0.333]]
    """
    low = np.maximum(boxes[:, None, :2], objects[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], objects[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    if not crowd:
        area = area + (objects[:, 2:] - objects[:, :2]).prod(axis=1) - shared
    result: Array = shared / np.maximum(area, _TINY)
    return result
