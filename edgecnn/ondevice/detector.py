"""Description of a detector's raw outputs as data, stored with the checkpoint and every artifact.

An exported detector ends in the convolutions of its heads, one tensor for the boxes and one for the scores
of each feature map, so that no two of them have to share one int8 scale. What follows them (sigmoid,
distances to corners, suppression) is described here once and executed in numpy (``decode.py``, ``nms.py``),
by evaluation and by packages alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from edgecnn.ondevice.documents import PlainDocument

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BoxCoding = Literal["ltrb", "dfl", "yolox", "ssd"]
ScoreCoding = Literal["sigmoid", "softmax"]

EVALUATION_SCORE = 0.001
"""Least score of a detection that counts in average precision."""

_MAX_BINS = 256
_MAX_LEVELS = 16
_MAX_ANCHORS = 64


@dataclass(frozen=True)
class Level(PlainDocument):
    """One feature map of a detector; every field map is float32 ``[N, channels, H, W]``.

    Attributes:
        stride: Pixels of the input from one cell to the next.
        boxes: Index of the output ``[N, anchors * 4 * bins, H, W]``; the anchor varies slowest.
        scores: Index of the output ``[N, anchors * scores, H, W]``, logits.
        objectness: Index of the output ``[N, anchors, H, W]``, logits; the score is then the product of
            both sigmoids. None if the detector has none.
        anchors: Width and height of each prior box in pixels of the input; empty without priors.
    """

    stride: float
    boxes: int
    scores: int
    objectness: int | None = None
    anchors: tuple[tuple[float, float], ...] = ()

    @property
    def outputs(self) -> tuple[int, ...]:
        """Return the indices of the outputs that belong to this feature map."""
        indices = (self.boxes, self.scores)
        return indices if self.objectness is None else (*indices, self.objectness)


@dataclass(frozen=True)
class Detections:
    """Detections in one image, the best score first.

    Attributes:
        boxes: float32 ``[n, 4]``, corners ``x1, y1, x2, y2`` in pixels of the image before preprocessing.
        scores: float32 ``[n]``, within 0..1.
        classes: int64 ``[n]``.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> Detections:
        """Return the detections with at least this score."""
        chosen = self.scores >= score
        return Detections(self.boxes[chosen], self.scores[chosen], self.classes[chosen])


@dataclass(frozen=True)
class Detector(PlainDocument):
    """Description of how raw outputs become boxes.

    >>> detector = Detector((Level(8, boxes=0, scores=1), Level(16, boxes=2, scores=3)), "dfl", bins=8)
    >>> Detector.from_json(detector.to_json()) == detector
    True

    Attributes:
        levels: The feature maps; together they use every output once.
        boxes: ``ltrb``: distances to the four sides in strides, from the cell's centre, with negative ones
            set to zero; ``dfl``: the same as the mean of a softmax over ``bins`` whole distances (Li et al.
            2020, Generalized Focal Loss); ``yolox``: ``(xy + cell) * stride`` and ``exp(wh) * stride``
            (Ge et al. 2021); ``ssd``: offsets from prior boxes with variances 0.1 and 0.2 (Liu et al. 2016).
        scores: ``sigmoid``: each class separately; ``softmax``: over the background, which is first, and the
            classes.
        bins: Number of distances of ``dfl``; 1 otherwise.
        score_threshold: Lowest score of a detection.
        iou_threshold: Overlap above which suppression removes the box with the lower score.
        candidates: Number of the best boxes that suppression considers.
        max_detections: Largest number of boxes in an image.
    """

    levels: tuple[Level, ...]
    boxes: BoxCoding
    scores: ScoreCoding = "sigmoid"
    bins: int = 1
    score_threshold: float = 0.25
    iou_threshold: float = 0.6
    candidates: int = 1000
    max_detections: int = 100

    def __post_init__(self) -> None:
        """Check the range of every field, because a description from a file is not trusted."""
        if not 1 <= len(self.levels) <= _MAX_LEVELS:
            raise ValueError(f"{len(self.levels)} levels are not within 1..{_MAX_LEVELS}")
        least, most = (2, _MAX_BINS) if self.boxes == "dfl" else (1, 1)
        if not least <= self.bins <= most:
            raise ValueError(f"bins {self.bins} does not fit boxes {self.boxes!r}")
        for field in ("score_threshold", "iou_threshold"):
            if not 0.0 <= getattr(self, field) <= 1.0:
                raise ValueError(f"{field} {getattr(self, field)} is not within 0..1")
        for field in ("candidates", "max_detections"):
            if not 1 <= getattr(self, field) <= 100_000:
                raise ValueError(f"{field} {getattr(self, field)} is not within 1..100000")
        self._check_levels()

    def _check_levels(self) -> None:
        used = sorted(index for level in self.levels for index in level.outputs)
        if used != list(range(len(used))):
            raise ValueError(f"the levels use the outputs {used}, not each of {len(used)} once")
        for level in self.levels:
            if not (math.isfinite(level.stride) and level.stride > 0):
                raise ValueError(f"stride {level.stride} is not a positive number of pixels")
            if bool(level.anchors) != (self.boxes == "ssd") or len(level.anchors) > _MAX_ANCHORS:
                raise ValueError(f"{len(level.anchors)} anchors do not fit boxes {self.boxes!r}")
            if not all(0.0 < side < math.inf for anchor in level.anchors for side in anchor):
                raise ValueError(f"anchors {level.anchors} hold a side that is not positive and finite")

    @property
    def outputs(self) -> int:
        """Return the number of output tensors."""
        return sum(len(level.outputs) for level in self.levels)

    def for_evaluation(self) -> Detector:
        """Return a copy with a score threshold low enough for a complete precision-recall curve."""
        return replace(self, score_threshold=min(self.score_threshold, EVALUATION_SCORE))
