"""Which detections are right, and average precision of any weighting of the images: for intervals.

The rules are those of COCO's evaluation (Lin et al. 2014, ``cocoeval.py``): the detections of a class, the
best score first, each take the box that they overlap most and that is still free; crowds and difficult
objects are neither found nor missed. The reported figures come from faster-coco-eval (``detection.py``);
this is the same sum in a form that can be resampled, and a test holds both equal.
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


@dataclass(frozen=True)
class _Class:
    """All detections of one class, the best score first; T overlaps, D detections, N images.

    Attributes:
        images: int64 ``[D]``, the image of each.
        right: bool ``[T, D]``.
        wrong: bool ``[T, D]``; a detection of an ignored object is neither.
        positives: int64 ``[N]``, objects of the class in each image.
    """

    images: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]
    positives: npt.NDArray[np.int64]


class Matches:
    """The detections of a set of images, matched with its boxes once.

    Args:
        found: Detections of every image.
        objects: Boxes of every image.
    """

    def __init__(self, found: Sequence[Detections], objects: Objects) -> None:
        labels = sorted({int(label) for image in objects for label in image.labels})
        self._classes = [_match_class(found, objects, label) for label in labels]

    def average_precision(self, weights: Array) -> tuple[float, float]:
        """Return AP50:95 and AP50 when every image counts ``weights[i]`` times; -1 without any object.

        Args:
            weights: float64 ``[N]``.
        """
        per_class = [_precision(matched, weights) for matched in self._classes]
        found = [values for values in per_class if values is not None]
        if not found:
            return -1.0, -1.0
        mean = np.mean(found, axis=0)
        return float(mean.mean()), float(mean[0])


def _precision(matched: _Class, weights: Array) -> Array | None:
    """Return the average precision of a class at each overlap, ``[T]``; None where it has no object."""
    positives = float(matched.positives @ weights)
    if positives <= 0.0:
        return None
    counts = weights[matched.images]
    right = np.cumsum(matched.right * counts, axis=1)
    wrong = np.cumsum(matched.wrong * counts, axis=1)
    precision = right / (right + wrong + _TINY)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    precision = np.concatenate([precision, np.zeros((len(precision), 1))], axis=1)
    recall = right / positives
    places = [np.searchsorted(row, _RECALLS, side="left") for row in recall]
    return np.array([row[place].mean() for row, place in zip(precision, places, strict=True)])


def _match_class(found: Sequence[Detections], objects: Objects, label: int) -> _Class:
    images, scores, right, wrong, positives = [], [], [], [], []
    for number, (detections, image) in enumerate(zip(found, objects, strict=True)):
        mine = np.flatnonzero(detections.classes == label)
        mine = mine[np.argsort(-detections.scores[mine], kind="stable")]
        good, ignored = _match_image(detections.boxes[mine].astype(np.float64), image, label)
        images.append(np.full(len(mine), number, np.int64))
        scores.append(detections.scores[mine])
        right.append(good)
        wrong.append(~good & ~ignored)
        positives.append(int(((image.labels == label) & ~image.ignored).sum()))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _Class(
        np.concatenate(images)[order],
        np.concatenate(right, axis=1)[:, order],
        np.concatenate(wrong, axis=1)[:, order],
        np.array(positives, np.int64),
    )


def _match_image(
    boxes: Array, image: ImageObjects, label: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Match boxes ``[D, 4]`` of one class in one image; return what is right and ignored, bool ``[T, D]``."""
    own = image.labels == label
    counted = overlaps(boxes, image.boxes[own & ~image.ignored].astype(np.float64))
    crowds = overlaps(boxes, image.boxes[own & image.ignored].astype(np.float64), crowd=True)
    right = np.zeros((len(OVERLAPS), len(boxes)), bool)
    free = np.ones((len(OVERLAPS), counted.shape[1]), bool)
    for index, row in enumerate(counted):
        if not row.size:
            break
        open_rows = np.where(free, row, -1.0)
        # Of equal overlaps the last object is taken, as in COCO's loop.
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
        crowd: Divide by the detection's own area: it only has to lie within the crowd.

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
