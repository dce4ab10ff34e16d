"""Files with the suppression of overlapping boxes inside: NonMaxSuppression behind the decode part."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from tests.support.detectors import distances, ssd, yolov5, yolov8
from tests.support.detectors.family import ultralytics
from tests.support.detectors.network import HeadNet

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.detectors.family import Array, Family, Maps, Truth

Layout = Literal["table", "rows", "four", "dets", "three"]
_MOST = 300
_SCORE, _OVERLAP = 0.25, 0.7
_APART = 4096.0
"""Pixels between the boxes of two classes, which must not suppress each other."""


class Suppressed(HeadNet):
    """Another network, of whose boxes the best class of each cell is kept if no better one overlaps it.

    The layouts are ``table``: ``[1, 300, 6]`` of corners, score and class, with rows of zeros; ``rows``:
    ``[n, 7]`` of picture, corners, class and score; ``four``: number, corners, scores and classes, of 300
    rows; ``dets``: ``[1, n, 5]`` of corners and score, and classes; ``three``: corners, scores and classes.
    """

    def __init__(
        self,
        build: Callable[[], HeadNet],
        read: Callable[[tuple[Tensor, ...]], tuple[Tensor, Tensor]],
        layout: Layout,
    ) -> None:
        super().__init__()
        self.inner = build()
        self.goals = self.inner.goals
        self.read, self.layout = read, layout

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.inner.raw(images)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        boxes, every = self.read(self.inner.decode(maps))
        scores, classes = every.max(1)
        sure = (scores > _SCORE).nonzero().squeeze(1)
        boxes, scores, classes = boxes[sure], scores[sure], classes[sure].float()
        kept = nms(boxes + classes.unsqueeze(1) * _APART, scores, _OVERLAP)[:_MOST]
        boxes, scores, classes = boxes[kept], scores[kept].unsqueeze(1), classes[kept].unsqueeze(1)
        if self.layout == "rows":
            return (torch.cat([torch.zeros_like(scores), boxes, classes, scores], 1),)
        if self.layout == "dets":
            return torch.cat([boxes, scores], 1).unsqueeze(0), classes.view(1, -1).long()
        if self.layout == "three":
            return boxes, scores.view(-1), classes.view(-1).long() + 1
        table = torch.cat([torch.cat([boxes, scores, classes], 1), torch.zeros(_MOST, 6)])[:_MOST].unsqueeze(
            0
        )
        if self.layout == "table":
            return (table,)
        number = (table[..., 4] > 0).sum(1, keepdim=True).int()
        return number, table[..., :4], table[..., 4], table[..., 5].int()


def by_column(outputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return corners and scores of YOLOv8's table."""
    table = outputs[0][0].transpose(0, 1)
    centers, sides, scores = torch.split(table, [2, 2, table.shape[1] - 4], 1)
    return torch.cat([centers - sides / 2, centers + sides / 2], 1), scores


def by_row(outputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return corners and scores of YOLOv5's table."""
    centers, sides, sure, scores = torch.split(outputs[0][0], [2, 2, 1, outputs[0].shape[2] - 5], 1)
    return torch.cat([centers - sides / 2, centers + sides / 2], 1), sure * scores


def apart(outputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return corners and scores of a file that has both."""
    return outputs[0][0], outputs[1][0]


def without_background(outputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return corners and scores of SSD."""
    return outputs[0][0], outputs[1][0, :, 1:]


def answers(maps: Maps, truth: Callable[[Maps], Truth], layout: Layout) -> tuple[Array, ...]:
    """Suppress in numpy: the best row first, each that overlaps no better one of its class."""
    found = truth(maps)
    classes, scores = found.scores.argmax(1), found.scores.max(1)
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        rivals = [other for other in kept if classes[other] == classes[row]]
        if scores[row] > _SCORE and all(
            _overlap(found.boxes[row], found.boxes[other]) <= _OVERLAP for other in rivals
        ):
            kept.append(int(row))
    kept = kept[:_MOST]
    boxes, score, label = found.boxes[kept], scores[kept, None], classes[kept, None]
    if layout == "rows":
        return (np.concatenate([np.zeros_like(score), boxes, label, score], 1),)
    if layout == "dets":
        return np.concatenate([boxes, score], 1)[None], label.T
    if layout == "three":
        return boxes, score[:, 0], label[:, 0] + 1
    table = np.zeros((1, _MOST, 6))
    table[0, : len(kept)] = np.concatenate([boxes, score, label], 1)
    number = np.array([[len(kept)]])
    return (table,) if layout == "table" else (number, table[..., :4], table[..., 4], table[..., 5])


def _overlap(box: Array, other: Array) -> float:
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    common = float(np.clip(sides, 0, None).prod())
    return common / float((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod() - common)


def _family(
    inner: Family,
    read: Callable[[tuple[Tensor, ...]], tuple[Tensor, Tensor]],
    layout: Layout,
    outputs: tuple[str, ...],
) -> Family:
    return replace(
        inner,
        name=f"{inner.name.partition(',')[0]}, suppressed",
        build=partial(Suppressed, inner.build, read, layout),
        outputs=outputs,
        answers=partial(answers, truth=inner.truth, layout=layout),
        metadata={**inner.metadata, **({"args": _NMS} if layout == "table" else {})},
    )


def _named(families: tuple[Family, ...], name: str) -> Family:
    return next(family for family in families if family.name == name)


_NMS = ultralytics("detect", "Detect", (), nms=True)["args"]
_FOUR = ("num_dets", "det_boxes", "det_scores", "det_classes")
FAMILIES = (
    _family(_named(yolov8.FAMILIES, "yolov8"), by_column, "table", ("output0",)),
    _family(_named(yolov5.FAMILIES, "yolov7"), by_row, "rows", ("output",)),
    _family(_named(distances.FAMILIES, "yolo-nas"), apart, "four", _FOUR),
    _family(_named(distances.FAMILIES, "rtmdet"), apart, "dets", ("dets", "labels")),
    _family(_named(ssd.FAMILIES, "ssd, pixels"), without_background, "three", ("boxes", "scores", "labels")),
)
