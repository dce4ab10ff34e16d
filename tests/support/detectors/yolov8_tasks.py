"""Masks, keypoints and rotated boxes of YOLOv8, 11 and 26: a third convolution for each stride."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors import yolov8
from tests.support.detectors.family import (
    NAMES,
    Family,
    Maps,
    Truth,
    best,
    cells,
    centered,
    expected,
    joined,
    points,
    sigmoid,
    ultralytics,
)
from tests.support.detectors.network import STRIDES, block, tower

if TYPE_CHECKING:
    from tests.support.detectors.family import Array
    from tests.support.detectors.yolov8 import Style

MASKS = 32
POINTS = 17
Task = Literal["segment", "pose", "obb"]


class Prototypes(nn.Module):
    """From the finest level, ``[1, 16, H / 8, W / 8]``, to 32 masks ``[1, 32, H / 4, W / 4]``."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.up = block(16, 16), nn.ConvTranspose2d(16, 16, 2, 2)
        self.second, self.last = block(16, 16), block(16, MASKS, 1)

    def forward(self, level: Tensor) -> Tensor:
        found: Tensor = self.last(self.second(self.up(self.first(level))))
        return found


class YoloV8Task(yolov8.YoloV8):
    """Of the newest family (one bin) keypoints and angles are coded otherwise."""

    def __init__(self, task: Task, classes: int, bins: int, style: Style, values: int) -> None:
        super().__init__(classes, bins, style)
        self.task, self.values = task, values
        count = {"segment": MASKS, "pose": POINTS * values, "obb": 1}[task]
        self.others = nn.ModuleList(tower(count) for _ in STRIDES)
        self.prototypes = Prototypes() if task == "segment" else None
        for head in self.others:
            self.aim(head, 0.0, 1.0)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = self.trunk(images)
        heads = (self.boxes, self.scores, self.others)
        maps = tuple(head[place](level) for place, level in enumerate(levels) for head in heads)
        return maps if self.prototypes is None else (*maps, self.prototypes(levels[0]))

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        prototypes = maps[9:]
        boxes, scores = self.tables(maps[0:9:3], maps[1:9:3])
        others = torch.cat([part.flatten(2) for part in maps[2:9:3]], 2)
        if self.task == "obb":
            angle = others if self.bins == 1 else (others.sigmoid() - 0.25) * math.pi
            table = torch.cat([self.rotated(boxes, angle, maps[0:9:3]), scores.sigmoid(), angle], 1)
        else:
            more = self.keypoints(others, maps[0:9:3]) if self.task == "pose" else others
            table = torch.cat([self.place(boxes, maps[0:9:3]), scores.sigmoid(), more], 1)
        return (self.best(table) if self.style == "one-to-one" else table, *prototypes)

    def keypoints(self, values: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
        """Return keypoints in pixels, ``[1, 17 * values, n]``."""
        grid, strides = yolov8.anchor_points(maps)
        split = values.view(values.shape[0], POINTS, self.values, -1)
        if self.bins == 1:
            found = (split[:, :, :2] + grid.unsqueeze(1)) * strides
        else:
            found = (split[:, :, :2] * 2.0 + (grid.unsqueeze(1) - 0.5)) * strides
        both = torch.cat([found, split[:, :, 2:].sigmoid()], 2) if self.values == 3 else found
        return both.view(values.shape[0], POINTS * self.values, -1)

    def rotated(self, boxes: Tensor, angle: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
        """Return centre and sides of rotated boxes in pixels, ``[1, 4, n]``."""
        grid, strides = yolov8.anchor_points(maps)
        near, far = torch.split(self.distances(boxes), [2, 2], 1)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        x, y = torch.split((far - near) / 2, [1, 1], 1)
        centers = torch.cat([x * cosine - y * sine, x * sine + y * cosine], 1) + grid
        return torch.cat([centers, near + far], 1) * strides


def truth(maps: Maps, task: Task, bins: int, values: int) -> Truth:
    """Boxes and scores are those of detection but for rotated boxes; see HeadNet's raw maps for the order."""
    plain = yolov8.truth([part for place in range(0, 9, 3) for part in maps[place : place + 2]], bins)
    thirds = maps[2:9:3]
    if task == "segment":
        coefficients = np.concatenate([cells(part) for part in thirds])
        return Truth(plain.boxes, plain.scores, coefficients=coefficients, prototypes=maps[9][0])
    if task == "pose":
        found = [_keypoints(part, stride, bins, values) for part, stride in zip(thirds, STRIDES, strict=True)]
        return Truth(plain.boxes, plain.scores, np.concatenate(found))
    boxes = [
        Truth(_rotated(*each, bins), np.zeros((each[0].shape[2] * each[0].shape[3], 1)))
        for each in zip(maps[0:9:3], thirds, STRIDES, strict=True)
    ]
    return Truth(joined(boxes).boxes, plain.scores)


def _keypoints(part: Array, stride: int, bins: int, values: int) -> Array:
    split = cells(part).reshape(-1, POINTS, values)
    factor, offset = (1, 0.5) if bins == 1 else (2, 0.0)
    found = split[..., :2] * factor * stride + points(part, stride, offset)[:, None]
    return np.concatenate([found, sigmoid(split[..., 2:])], 2)


def _rotated(part: Array, angles: Array, stride: int, bins: int) -> Array:
    left, top, right, bottom = (expected(cells(part), bins) if bins > 1 else cells(part)).T * stride
    turn = cells(angles)[:, 0] if bins == 1 else (sigmoid(cells(angles))[:, 0] - 0.25) * math.pi
    across, down = (right - left) / 2, (bottom - top) / 2
    x, y = points(part, stride, 0.5).T
    centers = (
        x + across * np.cos(turn) - down * np.sin(turn),
        y + across * np.sin(turn) + down * np.cos(turn),
    )
    return np.stack([*centers, left + right, top + bottom, turn], 1)


def answers(maps: Maps, task: Task, bins: int, values: int, *, one_to_one: bool) -> tuple[Array, ...]:
    """The table of detection with more columns, and the prototypes of masks."""
    found = truth(maps, task, bins, values)
    boxes = found.boxes[:, :4]
    others = {"segment": found.coefficients, "pose": found.points, "obb": found.boxes[:, 4:]}[task]
    assert others is not None
    others = others.reshape(len(boxes), -1)
    prototypes = maps[9:]
    if one_to_one:
        return (best(np.concatenate([boxes, others], 1), found.scores)[None], *prototypes)
    written = boxes if task == "obb" else centered(boxes)
    return (np.concatenate([written, found.scores, others], 1).T[None], *prototypes)


def _family(
    name: str, task: Task, head: str, bins: int = 16, style: Style = "newer", values: int = 3
) -> Family:
    names = NAMES[:1] if task == "pose" else NAMES
    rows = style == "one-to-one"
    third = {"segment": "mask", "pose": "keypoint", "obb": "angle"}[task]
    maps = tuple(f"{kind}_{stride}" for stride in STRIDES for kind in ("box", "class", third))
    masks = task == "segment"
    metadata = ultralytics(task, head, names, one_to_one=rows)
    return Family(
        name,
        partial(YoloV8Task, task, len(names), bins, style, values),
        (*maps, "prototypes") if masks else maps,
        ("output0", "output1") if masks else ("output0",),
        partial(truth, task=task, bins=bins, values=values),
        partial(answers, task=task, bins=bins, values=values, one_to_one=rows),
        rows=rows,
        metadata={**metadata, **({"kpt_shape": str([POINTS, values])} if task == "pose" else {})},
    )


FAMILIES = (
    _family("yolov8-seg", "segment", "Segment"),
    _family("yolo26-seg", "segment", "Segment26", 1, "one-to-one"),
    _family("yolov8-pose", "pose", "Pose"),
    _family("yolov8-pose, no visibility", "pose", "Pose", values=2),
    _family("yolo26-pose, one-to-many", "pose", "Pose26", 1),
    _family("yolo26-pose", "pose", "Pose26", 1, "one-to-one"),
    _family("yolo11-obb", "obb", "OBB"),
    _family("yolo26-obb, one-to-many", "obb", "OBB26", 1),
    _family("yolo26-obb", "obb", "OBB26", 1, "one-to-one"),
)
