"""YOLOX (Ge et al. 2021) and YuNet (Wu et al. 2023): ``(xy + cell) * stride`` and ``exp(wh) * stride``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import (
    Family,
    Maps,
    Truth,
    cells,
    centered,
    corners,
    joined,
    points,
    sigmoid,
)
from tests.support.detectors.network import STRIDES, HeadNet, Trunk, block, tower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.detectors.family import Array

_CLASSES = 5
_LANDMARKS = 5
_BOXES: tuple[Sequence[float], Sequence[float]] = ([0.5, 0.5, 1.0, 1.0], [0.6, 0.6, 0.5, 0.5])
"""Mean and deviation of the four channels of boxes in a trained network."""


class Focus(nn.Module):
    """Every second row and column become channels, in the order of YOLOX, in front of the trunk."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        trunk.stem = nn.Sequential(block(12, 8), block(8, 16, 3, 2))
        self.trunk = trunk

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        parts = [images[..., row::2, column::2] for column in range(2) for row in range(2)]
        found: tuple[Tensor, ...] = self.trunk(torch.cat(parts, 1))
        return found


class YoloX(HeadNet):
    """Three convolutions for each stride: boxes, objectness, classes."""

    def __init__(self, *, in_file: bool, focus: bool, classes: int = _CLASSES) -> None:
        super().__init__()
        self.in_file = in_file
        self.trunk = Focus(Trunk()) if focus else Trunk()
        self.boxes, self.objectness, self.scores = (
            nn.ModuleList(tower(count) for _ in STRIDES) for count in (4, 1, classes)
        )
        for boxes, objectness, scores in zip(self.boxes, self.objectness, self.scores, strict=True):
            self.aim(boxes, *_BOXES)
            self.aim(objectness, -3.0, 2.0)
            self.aim(scores, -1.0, 2.0)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        heads = (self.boxes, self.objectness, self.scores)
        return tuple(head[place](level) for place, level in enumerate(self.trunk(images)) for head in heads)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        levels = [
            torch.cat([boxes, objectness.sigmoid(), scores.sigmoid()], 1)
            for boxes, objectness, scores in zip(maps[0::3], maps[1::3], maps[2::3], strict=True)
        ]
        table = torch.cat([level.flatten(2) for level in levels], 2).permute(0, 2, 1)
        if not self.in_file:
            return (table,)
        grids, strides = [], []
        for stride, level in zip(STRIDES, levels, strict=True):
            height, width = (int(side) for side in level.shape[2:])
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            grids.append(torch.stack([columns, rows], 2).view(1, -1, 2))
            strides.append(torch.full((1, height * width, 1), stride))
        grid, step = torch.cat(grids, 1).float(), torch.cat(strides, 1).float()
        parts = [(table[..., 0:2] + grid) * step, torch.exp(table[..., 2:4]) * step, table[..., 4:]]
        return (torch.cat(parts, 2),)


class YuNet(HeadNet):
    """Faces with five landmarks: a score, an objectness, a box and landmarks for each stride."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(act=nn.ReLU)
        self.heads = nn.ModuleList(nn.ModuleList() for _ in range(4))
        aims: list[tuple[Sequence[float] | float, Sequence[float] | float]]
        aims = [(-1.0, 2.0), (-3.0, 2.0), _BOXES, (0.5, 0.8)]
        for heads, count, aim in zip(self.heads, (1, 1, 4, 2 * _LANDMARKS), aims, strict=True):
            assert isinstance(heads, nn.ModuleList)
            for _ in STRIDES:
                heads.append(
                    nn.Sequential(nn.Conv2d(16, count, 1), nn.Conv2d(count, count, 3, 1, 1, groups=count))
                )
                self.aim(heads[-1], *aim)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = self.trunk(images)
        found = []
        for heads in self.heads:
            assert isinstance(heads, nn.ModuleList)
            found += [head(level) for head, level in zip(heads, levels, strict=True)]
        return tuple(found)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        rows = [part.permute(0, 2, 3, 1).reshape(part.shape[0], -1, part.shape[1]) for part in maps]
        return (*(part.sigmoid() for part in rows[:6]), *rows[6:])


def _boxes(part: Array, stride: int) -> Array:
    values = cells(part)
    return corners(points(part, stride, 0.0) + values[:, :2] * stride, np.exp(values[:, 2:]) * stride)


def truth(maps: Maps) -> Truth:
    """Scores are the product of objectness and class."""
    parts = []
    for stride, boxes, objectness, scores in zip(STRIDES, maps[0::3], maps[1::3], maps[2::3], strict=True):
        parts.append(Truth(_boxes(boxes, stride), sigmoid(cells(objectness)) * sigmoid(cells(scores))))
    return joined(parts)


def answers(maps: Maps, *, in_file: bool) -> tuple[Array, ...]:
    """Rows of a box, objectness and classes; the box is decoded or as in the maps."""
    boxes = centered(truth(maps).boxes) if in_file else np.concatenate([cells(part) for part in maps[0::3]])
    rest = [np.concatenate([sigmoid(cells(part)) for part in maps[place::3]]) for place in (1, 2)]
    return (np.concatenate([boxes, *rest], 1)[None],)


def face_truth(maps: Maps) -> Truth:
    """Scores are the root of the product of both."""
    parts = []
    for place, stride in enumerate(STRIDES):
        scores, objectness, boxes, landmarks = maps[place::3]
        score = np.sqrt(sigmoid(cells(scores)) * sigmoid(cells(objectness)))
        offsets = cells(landmarks).reshape(-1, _LANDMARKS, 2) * stride
        found = offsets + points(landmarks, stride, 0.0)[:, None]
        parts.append(Truth(_boxes(boxes, stride), score, found))
    return joined(parts)


def face_answers(maps: Maps) -> tuple[Array, ...]:
    """Twelve tables ``[1, n, K]``: scores and objectness after a sigmoid; boxes and landmarks are raw."""
    return (*(sigmoid(cells(part))[None] for part in maps[:6]), *(cells(part)[None] for part in maps[6:]))


def _yolox(name: str, *, in_file: bool, focus: bool, classes: int = _CLASSES) -> Family:
    return Family(
        name,
        partial(YoloX, in_file=in_file, focus=focus, classes=classes),
        tuple(f"{kind}_{stride}" for stride in STRIDES for kind in ("box", "objectness", "class")),
        ("output",),
        truth,
        partial(answers, in_file=in_file),
        white=255.0,
    )


_FACE = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
FAMILIES = (
    _yolox("yolox", in_file=False, focus=True),
    _yolox("yolox, decoded", in_file=True, focus=False, classes=80),
    _yolox("yolox, 1 class", in_file=False, focus=False, classes=1),
    Family(
        "yunet",
        YuNet,
        tuple(f"{name}_map" for name in _FACE),
        _FACE,
        face_truth,
        face_answers,
        source="input",
        white=255.0,
    ),
)
