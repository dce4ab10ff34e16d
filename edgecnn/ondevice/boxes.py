"""Detections with the names of their classes, as packages return them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.ondevice.documents import PlainDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.ondevice.detector import Detections


@dataclass(frozen=True)
class Detection(PlainDocument):
    """One object that a network finds in an image.

    Attributes:
        label: Name of its class.
        index: Its class.
        score: Confidence of the network, 0..1.
        box: Corners ``x1, y1, x2, y2`` in pixels of the upright image.
    """

    label: str
    index: int
    score: float
    box: tuple[float, float, float, float]


def detections(found: Detections, labels: Sequence[str]) -> list[Detection]:
    """Give detections the names of their classes.

    >>> import numpy as np
    >>> from edgecnn.ondevice.detector import Detections
    >>> one = Detections(np.float32([[0, 1, 2, 3]]), np.float32([0.5]), np.array([1]))
    >>> detections(one, ("cat", "dog"))
    [Detection(label='dog', index=1, score=0.5, box=(0.0, 1.0, 2.0, 3.0))]
    """
    result = []
    for box, score, index in zip(found.boxes, found.scores, found.classes, strict=True):
        left, top, right, bottom = (float(value) for value in box)
        result.append(Detection(labels[index], int(index), float(score), (left, top, right, bottom)))
    return result
