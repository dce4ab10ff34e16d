"""YOLOv5 with anchors and YOLOv7: one convolution of 3 * (5 + classes) channels for each stride.

All values go through a sigmoid; a box is ``(2 xy - 0.5 + cell) * stride`` and ``(2 wh) ** 2 * anchor``.
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
    centered,
    corners,
    joined,
    points,
    sigmoid,
    ultralytics,
)
from tests.support.detectors.network import STRIDES, HeadNet, Trunk, tower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.detectors.family import Array

Anchors = tuple[tuple[tuple[int, int], ...], ...]
Style = Literal["newer", "older", "maps", "undecoded"]

V5: Anchors = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
V7: Anchors = (
    ((12, 16), (19, 36), (40, 28)),
    ((36, 75), (76, 55), (72, 146)),
    ((142, 110), (192, 243), (459, 401)),
)
P6: Anchors = (
    ((19, 27), (44, 40), (38, 94)),
    ((96, 68), (86, 152), (180, 137)),
    ((140, 301), (303, 264), (238, 542)),
    ((436, 615), (739, 380), (925, 792)),
)
P6_STRIDES = (*STRIDES, 64)


def anchor_spread(classes: int, anchors: int, others: int = 0) -> tuple[list[float], list[float]]:
    """Return mean and deviation of every channel of a head with anchors in a trained network."""
    mean = [0.0] * 4 + [-3.0] + [-1.0] * classes + [0.0] * others
    deviation = [1.0, 1.0, 0.6, 0.6, 2.0] + [2.0] * classes + [0.6] * others
    return mean * anchors, deviation * anchors


class Scaled(nn.Module):
    """YOLOv7's last convolution: values are added in front of it and multiplied behind it."""

    def __init__(self, head: nn.Sequential, width: int, out: int) -> None:
        super().__init__()
        self.first, self.last = head[0], head[1]
        self.added = nn.Parameter(torch.randn(1, width, 1, 1) * 0.1)
        self.factor = nn.Parameter(torch.rand(1, out, 1, 1) * 0.2 + 0.9)

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.last(self.first(maps) + self.added) * self.factor
        return found


class YoloV5(HeadNet):
    """Anchors are in pixels."""

    def __init__(
        self,
        classes: int,
        anchors: Anchors = V5,
        style: Style = "newer",
        strides: Sequence[int] = STRIDES,
        *,
        scaled: bool = False,
    ) -> None:
        super().__init__()
        self.columns, self.anchors, self.style, self.strides = 5 + classes, anchors, style, tuple(strides)
        self.trunk = Trunk(strides)
        out = len(anchors[0]) * self.columns
        heads = [tower(out) for _ in strides]
        for head in heads:
            self.aim(head, *anchor_spread(classes, len(anchors[0])))
        self.heads = nn.ModuleList(Scaled(head, 16, out) if scaled else head for head in heads)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(head(level) for head, level in zip(self.heads, self.trunk(images), strict=True))

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        split = [self.by_anchor(part) for part in maps]
        if self.style == "undecoded":
            return tuple(split)
        tables = [self.place(part, place) for place, part in enumerate(split)]
        table = torch.cat([part.view(part.shape[0], -1, self.columns) for part in tables], 1)
        return (table, *split) if self.style == "maps" else (table,)

    def by_anchor(self, part: Tensor) -> Tensor:
        """Return ``[1, A * K, h, w]`` as ``[1, A, h, w, K]``."""
        batch, _, height, width = part.shape
        return (
            part.view(batch, len(self.anchors[0]), self.columns, height, width)
            .permute(0, 1, 3, 4, 2)
            .contiguous()
        )

    def place(self, part: Tensor, level: int) -> Tensor:
        """Decode one level ``[1, A, h, w, K]``."""
        height, width = (int(side) for side in part.shape[2:4])
        stride, kinds = self.strides[level], len(self.anchors[level])
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        grid = torch.stack([columns, rows], 2).view(1, 1, height, width, 2).float()
        anchors = torch.tensor(self.anchors[level]).float().view(1, kinds, 1, 1, 2)
        values = part.sigmoid()
        if self.style == "newer":
            grid = grid.expand(1, kinds, height, width, 2) - 0.5
            anchors = anchors.expand(1, kinds, height, width, 2)
            xy, wh, rest = torch.split(values, [2, 2, self.columns - 4], 4)
            return torch.cat([(xy * 2 + grid) * stride, (wh * 2) ** 2 * anchors, rest], 4)
        xy = (values[..., 0:2] * 2.0 - 0.5 + grid) * stride
        wh = (values[..., 2:4] * 2) ** 2 * anchors
        return torch.cat([xy, wh, values[..., 4:]], 4)


def by_anchor(part: Array, anchors: int) -> Array:
    """Return a map of one image as float64 ``[A, h * w, K]``."""
    count = part.shape[1] // anchors
    found: Array = part[0].astype(np.float64).reshape(anchors, count, -1).transpose(0, 2, 1)
    return found


def truth(maps: Maps, anchors: Anchors = V5, strides: Sequence[int] = STRIDES) -> Truth:
    """Scores are the product of objectness and class."""
    parts = []
    for part, boxes, stride in zip(maps, anchors, strides, strict=True):
        for values, anchor in zip(sigmoid(by_anchor(part, len(boxes))), boxes, strict=True):
            centers = 2 * values[:, :2] * stride + points(part, stride, -0.5)
            found = corners(centers, (2 * values[:, 2:4]) ** 2 * np.array(anchor))
            parts.append(Truth(found, values[:, 4:5] * values[:, 5:]))
    return joined(parts)


def undecoded(maps: Maps, anchors: Anchors = V5) -> tuple[Array, ...]:
    """The maps with an axis for anchors, ``[1, A, h, w, 5 + classes]``, before any sigmoid."""
    return tuple(
        by_anchor(part, len(boxes)).reshape(1, len(boxes), *part.shape[2:], -1)
        for part, boxes in zip(maps, anchors, strict=True)
    )


def answers(
    maps: Maps, anchors: Anchors = V5, strides: Sequence[int] = STRIDES, *, with_maps: bool = False
) -> tuple[Array, ...]:
    """Rows of centre, sides, objectness and classes, ``[1, n, 5 + classes]``, and perhaps the maps."""
    boxes = centered(truth(maps, anchors, strides).boxes)
    rest = [
        sigmoid(by_anchor(part, len(anchors[0])))[..., 4:].reshape(len(anchors[0]) * part[0, 0].size, -1)
        for part in maps
    ]
    table = np.concatenate([boxes, np.concatenate(rest)], 1)[None]
    return (table, *undecoded(maps, anchors)) if with_maps else (table,)


def _family(
    name: str,
    outputs: tuple[str, ...] = ("output0",),
    anchors: Anchors = V5,
    style: Style = "newer",
    strides: Sequence[int] = STRIDES,
    *,
    classes: int = 5,
    scaled: bool = False,
) -> Family:
    names = NAMES if classes == len(NAMES) else [f"class {place}" for place in range(classes)]
    written = partial(undecoded, anchors=anchors)
    if style != "undecoded":
        written = partial(answers, anchors=anchors, strides=strides, with_maps=style == "maps")
    metadata = ultralytics("detect", "Detect", names)
    return Family(
        name,
        partial(YoloV5, classes, anchors, style, strides, scaled=scaled),
        tuple(f"map_{stride}" for stride in strides),
        outputs,
        partial(truth, anchors=anchors, strides=strides),
        written,
        metadata={key: metadata[key] for key in ("stride", "names")},
    )


_SPLIT = tuple(f"split_{stride}" for stride in STRIDES)
FAMILIES = (
    _family("yolov5"),
    _family("yolov5, 80 classes", classes=80),
    _family("yolov5, 1 class, older export", ("output",), style="older", classes=1),
    _family("yolov5, with maps", ("output", *_SPLIT), style="maps"),
    _family("yolov5, maps only", _SPLIT, style="undecoded"),
    _family("yolov5, P6", anchors=P6, strides=P6_STRIDES),
    _family("yolov7", ("output",), V7, "older"),
    _family("yolov7, scaled convolutions", ("output",), V7, "older", scaled=True),
)
