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

BoxCoding = Literal["ltrb", "ltrb-signed", "ltrb-exp", "dfl", "yolox", "anchors-v3", "anchors-v5", "ssd"]
ScoreCoding = Literal["sigmoid", "softmax", "sigmoid-root"]

_OFFSETS = {"yolox": 0.0, "anchors-v3": 0.0, "anchors-v5": 0.0}
"""Place of a point in its cell where a description does not say it; 0.5 for all other codings."""
_WITH_ANCHORS = ("anchors-v3", "anchors-v5", "ssd")

EVALUATION_SCORE = 0.001
"""Least score of a detection that counts in average precision."""

_MAX_BINS = 256
_MAX_LEVELS = 16
_MAX_ANCHORS = 64
_MAX_SCALE = 4.0


@dataclass(frozen=True)
class Level(PlainDocument):
    """One feature map of a detector; every field map is float32 ``[N, channels, H, W]``.

    Attributes:
        stride: Pixels of the input from one cell to the next.
        boxes: Index of the output ``[N, anchors * 4 * bins, H, W]``; the anchor varies slowest.
        scores: Index of the output ``[N, anchors * scores, H, W]``, logits.
        objectness: Index of the output ``[N, anchors, H, W]``, logits; the score is then the product of
            both sigmoids. None if the detector has none.
        anchors: Width and height of each anchor or prior box in pixels of the input; empty without them.
        scale: Factor of the centre's sigmoid in ``anchors-v3`` and ``anchors-v5``, centred on the cell.
    """

    added = ("scale",)

    stride: float
    boxes: int
    scores: int
    objectness: int | None = None
    anchors: tuple[tuple[float, float], ...] = ()
    scale: float = 1.0

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
            2020, Generalized Focal Loss); ``ltrb-signed``: the same as ``ltrb``, negative ones too;
            ``ltrb-exp``: the distances are exponentials; ``yolox``: ``(xy + cell) * stride`` and
            ``exp(wh) * stride`` (Ge et al. 2021); ``anchors-v3``: ``(sigmoid(xy) + cell) * stride`` and
            ``exp(wh) * anchor`` (Redmon and Farhadi 2018); ``anchors-v5``: the same with sides of
            ``(2 * sigmoid(wh)) ** 2 * anchor``; ``ssd``: offsets from prior boxes (Liu et al. 2016).
        scores: ``sigmoid``: each class separately; ``softmax``: over the background, which is first, and the
            classes; ``sigmoid-root``: the root of the product of class and objectness.
        bins: Number of distances of ``dfl``; 1 otherwise.
        score_threshold: Lowest score of a detection.
        iou_threshold: Overlap above which suppression removes the box with the lower score.
        candidates: Number of the best boxes that suppression considers.
        max_detections: Largest number of boxes in an image.
        offset: Place of a point in its cell, from 0 to 1 cell; None means 0 for ``yolox`` and anchors, 0.5
            otherwise.
        variances: Factors of the offsets from a prior box, of its centre and of its sides.
    """

    added = ("offset", "variances")

    levels: tuple[Level, ...]
    boxes: BoxCoding
    scores: ScoreCoding = "sigmoid"
    bins: int = 1
    score_threshold: float = 0.25
    iou_threshold: float = 0.6
    candidates: int = 1000
    max_detections: int = 100
    offset: float | None = None
    variances: tuple[float, float] = (0.1, 0.2)

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
        if self.offset is not None and not 0.0 <= self.offset <= 1.0:
            raise ValueError(f"offset {self.offset} is not within 0..1")
        if not all(0.0 < value <= 1.0 for value in self.variances):
            raise ValueError(f"variances {self.variances} are not within 0..1")
        self._check_levels()

    def _check_levels(self) -> None:
        used = sorted(index for level in self.levels for index in level.outputs)
        if used != list(range(len(used))):
            raise ValueError(f"the levels use the outputs {used}, not each of {len(used)} once")
        for level in self.levels:
            if not (math.isfinite(level.stride) and level.stride > 0):
                raise ValueError(f"stride {level.stride} is not a positive number of pixels")
            if bool(level.anchors) != (self.boxes in _WITH_ANCHORS) or len(level.anchors) > _MAX_ANCHORS:
                raise ValueError(f"{len(level.anchors)} anchors do not fit boxes {self.boxes!r}")
            if not all(0.0 < side < math.inf for anchor in level.anchors for side in anchor):
                raise ValueError(f"anchors {level.anchors} hold a side that is not positive and finite")
            if not 1.0 <= level.scale <= _MAX_SCALE:
                raise ValueError(f"scale {level.scale} is not within 1..{_MAX_SCALE:g}")
            if self.scores == "sigmoid-root" and level.objectness is None:
                raise ValueError("scores 'sigmoid-root' need an objectness")

    @property
    def outputs(self) -> int:
        """Return the number of output tensors."""
        return sum(len(level.outputs) for level in self.levels)

    @property
    def grid_offset(self) -> float:
        """Return the place of a point in its cell, in cells."""
        return _OFFSETS.get(self.boxes, 0.5) if self.offset is None else self.offset

    def for_evaluation(self) -> Detector:
        """Return a copy with a score threshold low enough for a complete precision-recall curve."""
        return replace(self, score_threshold=min(self.score_threshold, EVALUATION_SCORE))
