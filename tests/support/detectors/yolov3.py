"""YOLOv3 (Redmon and Farhadi 2018) and YOLOv4 (Bochkovskiy et al. 2020).

A box is ``(g * sigmoid(xy) - (g - 1) / 2 + cell) * stride`` and ``exp(wh) * anchor``; YOLOv3's g is 1.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import (
    SIZE,
    Family,
    Maps,
    Truth,
    centered,
    corners,
    joined,
    points,
    sigmoid,
)
from tests.support.detectors.network import STRIDES, HeadNet, Trunk, tower
from tests.support.detectors.yolov5 import V5, V7, anchor_spread, by_anchor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.detectors.family import Array
    from tests.support.detectors.yolov5 import Anchors

Style = Literal["coarse first", "channels last", "table", "fractions"]
V4_GRIDS = (1.2, 1.1, 1.05)
_PLAIN = (1.0, 1.0, 1.0)
_CLASSES = 5
_COLUMNS = 5 + _CLASSES
TINY: Anchors = (((10, 14), (23, 27), (37, 58)), ((81, 82), (135, 169), (344, 319)))
_TINY_STRIDES = (16, 32)


class YoloV3(HeadNet):
    """One convolution of 3 * (5 + classes) channels for each stride, the finest first."""

    def __init__(
        self, style: Style, anchors: Anchors, grids: Sequence[float], strides: Sequence[int]
    ) -> None:
        super().__init__()
        self.style, self.anchors, self.grids, self.strides = style, anchors, grids, strides
        self.channels_last = style == "channels last"
        self.trunk = Trunk(strides, partial(nn.LeakyReLU, 0.1))
        self.heads = nn.ModuleList(tower(3 * _COLUMNS, partial(nn.LeakyReLU, 0.1)) for _ in strides)
        for head in self.heads:
            self.aim(head, *anchor_spread(_CLASSES, 3))

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(head(level) for head, level in zip(self.heads, self.trunk(images), strict=True))

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self.style == "coarse first":
            return maps[::-1]
        sizes = [(int(part.shape[2]), int(part.shape[3])) for part in maps]
        split = [part.view(part.shape[0], 3, _COLUMNS, *size) for part, size in zip(maps, sizes, strict=True)]
        if self.style == "channels last":
            return tuple(part.permute(0, 3, 4, 1, 2) for part in split)
        tables = [self.place(part.permute(0, 1, 3, 4, 2), level) for level, part in enumerate(split)]
        boxes, scores = (torch.cat([pair[place] for pair in tables], 1) for place in range(2))
        if self.style == "table":
            return (torch.cat([boxes, scores], 2),)
        centers, sides = boxes[..., :2], boxes[..., 2:]
        found = torch.cat([centers - sides * 0.5, centers + sides * 0.5], 2)
        found = found / torch.tensor([SIZE[1], SIZE[0]] * 2).float()
        return found.unsqueeze(2), scores[..., 1:] * scores[..., :1]

    def place(self, part: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """Return centre and sides in pixels, and objectness and classes, of ``[1, 3, h, w, K]``."""
        height, width = (int(side) for side in part.shape[2:4])
        stride, grow = self.strides[level], self.grids[level]
        columns = torch.arange(width).float().view(1, 1, 1, width)
        rows = torch.arange(height).float().view(1, 1, height, 1)
        x, y = (part[..., place].sigmoid() for place in range(2))
        if grow != 1.0:
            x, y = (value * grow - 0.5 * (grow - 1.0) for value in (x, y))
        anchors = torch.tensor(self.anchors[level]).float().view(1, 3, 1, 1, 2)
        sides = torch.exp(part[..., 2:4]) * anchors
        boxes = torch.stack([(x + columns) * stride, (y + rows) * stride, sides[..., 0], sides[..., 1]], 4)
        batch = part.shape[0]
        return boxes.reshape(batch, -1, 4), part[..., 4:].sigmoid().reshape(batch, -1, _COLUMNS - 4)


def truth(maps: Maps, anchors: Anchors, grids: Sequence[float], strides: Sequence[int]) -> Truth:
    """Scores are the product of objectness and class."""
    parts = []
    for part, boxes, grow, stride in zip(maps, anchors, grids, strides, strict=True):
        for values, anchor in zip(by_anchor(part, 3), boxes, strict=True):
            centers = (grow * sigmoid(values[:, :2]) - (grow - 1) / 2) * stride + points(part, stride, 0.0)
            found = corners(centers, np.exp(values[:, 2:4]) * np.array(anchor))
            parts.append(Truth(found, sigmoid(values[:, 4:5]) * sigmoid(values[:, 5:])))
    return joined(parts)


def answers(
    maps: Maps, style: Style, anchors: Anchors, grids: Sequence[float], strides: Sequence[int]
) -> tuple[Array, ...]:
    """What the four kinds of files hold; the coarsest level is first in one of them."""
    if style == "coarse first":
        return tuple(maps[::-1])
    if style == "channels last":
        shape = [(part.shape[2], part.shape[3]) for part in maps]
        split = [part.reshape(1, 3, _COLUMNS, *size) for part, size in zip(maps, shape, strict=True)]
        return tuple(np.moveaxis(part, (3, 4), (1, 2)) for part in split)
    found = truth(maps, anchors, grids, strides)
    if style == "fractions":
        return found.boxes[None, :, None] / np.array([SIZE[1], SIZE[0]] * 2), found.scores[None]
    rest = np.concatenate([sigmoid(by_anchor(part, 3))[..., 4:].reshape(-1, _COLUMNS - 4) for part in maps])
    return (np.concatenate([centered(found.boxes), rest], 1)[None],)


def _family(
    name: str,
    style: Style,
    outputs: tuple[str, ...],
    anchors: Anchors,
    grids: Sequence[float] = _PLAIN,
    strides: Sequence[int] = STRIDES,
) -> Family:
    return Family(
        name,
        partial(YoloV3, style, anchors, grids, strides),
        tuple(f"map_{stride}" for stride in strides),
        outputs,
        partial(truth, anchors=anchors, grids=grids, strides=strides),
        partial(answers, style=style, anchors=anchors, grids=grids, strides=strides),
        source="input",
        channels_last=style == "channels last",
    )


FAMILIES = (
    _family("yolov3, maps only", "coarse first", ("out_32", "out_16", "out_8"), V5),
    _family("yolov3", "table", ("output",), V5),
    _family("yolov3-tiny", "table", ("output",), TINY, _PLAIN[:2], _TINY_STRIDES),
    _family("yolov4", "fractions", ("boxes", "confs"), V7, V4_GRIDS),
    _family("yolov4, channels last", "channels last", ("out_8", "out_16", "out_32"), V7, V4_GRIDS),
)
