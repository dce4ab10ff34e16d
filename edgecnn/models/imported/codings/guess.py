"""A guess of what raw maps mean; the numbers of the file prove or refute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.ondevice.detector import Detector, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.ondevice.detector import BoxCoding, ScoreCoding


@dataclass(frozen=True)
class Part:
    """Some channels of a raw map, which become an output of the network.

    Attributes:
        source: Name of the raw map.
        channels: Its channels, in the order of the output.
        whole: Whether these are all its channels in their own order.
    """

    source: str
    channels: tuple[int, ...]
    whole: bool = True


@dataclass(frozen=True)
class LevelParts:
    """The parts of one feature map.

    Attributes:
        stride: Pixels of the input from one cell to the next.
        boxes: The coded boxes.
        scores: The logits of the classes, with the background first if there is one.
        objectness: The logits of the objectness; None if there is none.
        anchors: Width and height of each anchor in pixels.
        scale: As in :class:`edgecnn.ondevice.detector.Level`.
    """

    stride: float
    boxes: Part
    scores: Part
    objectness: Part | None = None
    anchors: tuple[tuple[float, float], ...] = ()
    scale: float = 1.0

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts in the order of the network's outputs."""
        parts = (self.boxes, self.scores)
        return parts if self.objectness is None else (*parts, self.objectness)


@dataclass(frozen=True)
class Guess:
    """What the raw maps of a detector may mean.

    Attributes:
        family: Name of the family whose files are so; it decides what the file does not say.
        levels: The feature maps, the finest first.
        boxes: Coding of the boxes.
        scores: Coding of the scores.
        bins: Number of distances of a distribution; 1 otherwise.
        offset: Place of a point in its cell; None for the coding's own.
        variances: Factors of the offsets from a prior box.
    """

    family: str
    levels: tuple[LevelParts, ...]
    boxes: BoxCoding
    scores: ScoreCoding = "sigmoid"
    bins: int = 1
    offset: float | None = None
    variances: tuple[float, float] = (0.1, 0.2)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the network's outputs."""
        return tuple(part for level in self.levels for part in level.parts)

    @property
    def classes(self) -> int:
        """Return the number of classes, without the background."""
        level = self.levels[0]
        return len(level.scores.channels) // max(1, len(level.anchors)) - (self.scores == "softmax")

    def detector(self, score: float, iou: float, most: int) -> Detector:
        """Return the description of the outputs, with a score threshold and the limits of suppression."""
        levels, place = [], 0
        for level in self.levels:
            objectness = None if level.objectness is None else place + 2
            levels.append(Level(level.stride, place, place + 1, objectness, level.anchors, level.scale))
            place += len(level.parts)
        return Detector(
            tuple(levels),
            self.boxes,
            self.scores,
            self.bins,
            score_threshold=score,
            iou_threshold=iou,
            max_detections=most,
            offset=self.offset,
            variances=self.variances,
        )


def whole(name: str, channels: int) -> Part:
    """Return a raw map as one part."""
    return Part(name, tuple(range(channels)))


def some(name: str, channels: Sequence[int]) -> Part:
    """Return some channels of a raw map as a part."""
    return Part(name, tuple(channels), whole=False)
