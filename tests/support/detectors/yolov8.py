"""YOLOv5u, v8 to 12 (distributions of distances, Li et al. 2020) and 26 (plain distances), also one-to-one.

The raw maps are a convolution of 4 * 16 or 4 channels for the boxes and one of the class logits for each
stride. One-to-many files hold ``[1, 4 + classes, n]``; one-to-one files the 300 best rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import (
    NAMES,
    Family,
    Maps,
    Truth,
    around,
    best,
    cells,
    centered,
    expected,
    joined,
    points,
    sigmoid,
    ultralytics,
)
from tests.support.detectors.network import STRIDES, HeadNet, Trunk, tower

if TYPE_CHECKING:
    from tests.support.detectors.family import Array

_BINS = 16
_BEST = 300
Style = Literal["newer", "older", "one-to-one"]
MAPS = tuple(f"{kind}_{stride}" for stride in STRIDES for kind in ("box", "class"))


class YoloV8(HeadNet):
    """The heads of one stride are a box and a class convolution, and others that a subclass adds."""

    def __init__(
        self, classes: int, bins: int = _BINS, style: Style = "newer", *, attention: bool = False
    ) -> None:
        super().__init__()
        self.classes, self.bins, self.style = classes, bins, style
        self.trunk = Trunk(attention=attention)
        self.boxes = nn.ModuleList(tower(4 * bins) for _ in STRIDES)
        self.scores = nn.ModuleList(tower(classes) for _ in STRIDES)
        # A trained distribution is a hump near the distance, which is a few strides.
        hump = [-0.5 * abs(place - 3) for place in range(bins)] * 4 if bins > 1 else 2.0
        for boxes, scores in zip(self.boxes, self.scores, strict=True):
            self.aim(boxes, hump, 1.0)
            self.aim(scores, -4.0, 2.0)
        self.ramp = nn.Conv2d(bins, 1, 1, bias=False)
        self.ramp.weight.data = torch.arange(bins, dtype=torch.float32).view(1, bins, 1, 1)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = self.trunk(images)
        return tuple(
            head[place](level) for place, level in enumerate(levels) for head in (self.boxes, self.scores)
        )

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        boxes, scores = self.tables(maps[0::2], maps[1::2])
        table = torch.cat([self.place(boxes, maps[0::2]), scores.sigmoid()], 1)
        return (self.best(table) if self.style == "one-to-one" else table,)

    def tables(self, boxes: tuple[Tensor, ...], scores: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return box and class logits of all levels, ``[1, K, n]`` each."""
        batch = boxes[0].shape[0]
        if self.style == "older":
            both = [
                torch.cat(pair, 1).view(batch, 4 * self.bins + self.classes, -1)
                for pair in zip(boxes, scores, strict=True)
            ]
            first, second = torch.split(torch.cat(both, 2), [4 * self.bins, self.classes], 1)
            return first, second
        first, second = (
            torch.cat([part.view(batch, part.shape[1], -1) for part in parts], 2) for parts in (boxes, scores)
        )
        return first, second

    def distances(self, boxes: Tensor) -> Tensor:
        """Return the distances of ``[1, 4 * bins, n]`` in strides, ``[1, 4, n]``."""
        if self.bins == 1:
            return boxes
        batch, _, count = boxes.shape
        odds = boxes.view(batch, 4, self.bins, count).transpose(2, 1).softmax(1)
        found: Tensor = self.ramp(odds).view(batch, 4, count)
        return found

    def place(self, boxes: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
        """Return the boxes in pixels, ``[1, 4, n]``: centre and sides, or corners in a one-to-one file."""
        grid, strides = anchor_points(maps)
        distances = self.distances(boxes)
        if self.style == "older":
            near, far = distances.chunk(2, 1)
        else:
            near, far = distances[:, :2], distances[:, 2:]
        first, second = grid - near, grid + far
        if self.style == "one-to-one":
            return torch.cat([first, second], 1) * strides
        return torch.cat([(first + second) / 2, second - first], 1) * strides

    def best(self, table: Tensor) -> Tensor:
        """Return the best rows: corners, score, class, and what else the table has, ``[1, 300, 6 + ...]``."""
        table = table.transpose(1, 2)
        others = table.shape[2] - 4 - self.classes
        boxes, scores, *more = torch.split(table, [4, self.classes] + [others] * bool(others), 2)
        count = min(_BEST, table.shape[1])
        anchors = scores.amax(2).topk(count)[1].unsqueeze(2)
        scores = scores.gather(1, anchors.repeat(1, 1, self.classes))
        values, index = scores.flatten(1).topk(count)
        chosen = anchors.gather(1, (index // self.classes).unsqueeze(2))
        columns = [
            boxes.gather(1, chosen.repeat(1, 1, 4)),
            values.unsqueeze(2),
            (index % self.classes).unsqueeze(2).float(),
        ]
        columns += [part.gather(1, chosen.repeat(1, 1, others)) for part in more]
        return torch.cat(columns, 2)


def anchor_points(maps: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return the points of all cells in strides ``[1, 2, n]`` and the strides ``[1, n]``."""
    grids, strides = [], []
    for stride, level in zip(STRIDES, maps, strict=True):
        height, width = (int(side) for side in level.shape[2:])
        rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        grids.append(torch.stack([columns, rows]).view(2, -1))
        strides.append(torch.full((1, height * width), float(stride)))
    return torch.cat(grids, 1).unsqueeze(0), torch.cat(strides, 1)


def truth(maps: Maps, bins: int = _BINS) -> Truth:
    """Distances from the middle of a cell, in strides; scores without an objectness."""
    parts = []
    for stride, boxes, scores in zip(STRIDES, maps[0::2], maps[1::2], strict=True):
        distances = expected(cells(boxes), bins) if bins > 1 else cells(boxes)
        parts.append(Truth(around(points(boxes, stride, 0.5), distances * stride), sigmoid(cells(scores))))
    return joined(parts)


def answers(maps: Maps, bins: int = _BINS) -> tuple[Array, ...]:
    """Columns of centre, sides and scores, ``[1, 4 + classes, n]``."""
    found = truth(maps, bins)
    return (np.concatenate([centered(found.boxes), found.scores], 1).T[None],)


def best_rows(maps: Maps, bins: int = _BINS) -> tuple[Array, ...]:
    """The best rows, ``[1, 300, 6]``."""
    found = truth(maps, bins)
    return (best(found.boxes, found.scores)[None],)


def _family(
    name: str,
    head: str,
    bins: int = _BINS,
    style: Style = "newer",
    classes: int = 5,
    *,
    attention: bool = False,
) -> Family:
    names = NAMES if classes == len(NAMES) else [f"class {place}" for place in range(classes)]
    rows = style == "one-to-one"
    return Family(
        name,
        partial(YoloV8, classes, bins, style, attention=attention),
        MAPS,
        ("output0",),
        partial(truth, bins=bins),
        partial(best_rows if rows else answers, bins=bins),
        rows=rows,
        metadata=ultralytics("detect", head, names, one_to_one=rows),
    )


FAMILIES = (
    _family("yolov8", "Detect"),
    _family("yolov8, 80 classes", "Detect", classes=80),
    _family("yolov8, older export", "Detect", style="older"),
    _family("yolov8, 1 class", "Detect", classes=1),
    _family("yolov9", "Detect", classes=3),
    _family("yolov10, one-to-many", "v10Detect", attention=True),
    _family("yolov10", "v10Detect", style="one-to-one", attention=True),
    _family("yolo11", "Detect", attention=True),
    _family("yolo12", "Detect", classes=80, attention=True),
    _family("yolo26, one-to-many", "Detect", bins=1, attention=True),
    _family("yolo26", "Detect", bins=1, style="one-to-one", attention=True),
)
