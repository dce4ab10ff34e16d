"""RetinaNet (Lin et al. 2017) and EfficientDet-Lite (Tan et al. 2020): nine anchors a cell, no background."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import Family, Maps, Truth, corners, joined, points, sigmoid
from tests.support.detectors.network import HeadNet, Trunk, block

if TYPE_CHECKING:
    from tests.support.detectors.family import Array

STRIDES = (8, 16, 32, 64, 128)
_CLASSES = 4
_KINDS = 9
_MOST = math.log(1000 / 16)
_SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))


def plain_anchors(stride: int) -> Array:
    """Return the sides of RetinaNet's nine anchors, ``[9, 2]``; the scale varies fastest."""
    roots = [math.sqrt(ratio) for ratio in (0.5, 1.0, 2.0)]
    sides = [(scale / root, scale * root) for root in roots for scale in _SCALES]
    return np.array(sides) * 4 * stride


def rounded_anchors(stride: int) -> Array:
    """Return the same with half sides of whole pixels."""
    return np.asarray(np.round(plain_anchors(stride) / 2) * 2)


def efficient_anchors(stride: int) -> Array:
    """Return the sides of EfficientDet-Lite's nine anchors, ``[9, 2]``; the aspect varies fastest."""
    aspects = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))
    return np.array(
        [
            (3 * stride * scale * wide, 3 * stride * scale * high)
            for scale in _SCALES
            for wide, high in aspects
        ]
    )


@dataclass(frozen=True)
class Kind:
    """What distinguishes the families of this module.

    Attributes:
        layout: ``maps``: the scores of all levels after a sigmoid, then the offsets of all levels; ``last``:
            logits and offsets with channels last; ``corners``: corners and scores; ``rows first``: the same
            with corners as row and column.
        anchors: ``rounded``: RetinaNet's with whole half sides; ``plain``: the same without rounding;
            ``efficient``: EfficientDet's.
        offset: Place of a point in its cell.
        by_rows: Whether offsets are of row, column, height, width.
    """

    layout: Literal["maps", "last", "corners", "rows first"]
    anchors: Literal["rounded", "plain", "efficient"]
    offset: float
    by_rows: bool = False

    def sides(self, stride: int) -> Array:
        """Return width and height of a level's anchors."""
        makers = {"rounded": rounded_anchors, "plain": plain_anchors, "efficient": efficient_anchors}
        return makers[self.anchors](stride)


class RetinaNet(HeadNet):
    """The last convolutions have the same weights for all strides; what is in front of them is normalized."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.channels_last = kind.layout == "last"
        self.trunk = Trunk(STRIDES, nn.ReLU6 if kind.anchors == "efficient" else nn.ReLU)
        self.box_towers, self.score_towers = (
            nn.ModuleList(block(16, 16, 3, 1, nn.ReLU) for _ in STRIDES) for _ in range(2)
        )
        self.boxes = nn.Conv2d(16, _KINDS * 4, 3, 1, 1)
        self.scores = nn.Conv2d(16, _KINDS * _CLASSES, 3, 1, 1)
        self.aim(self.boxes, 0.0, 0.5)
        self.aim(self.scores, -5.0, 2.0)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        found: list[Tensor] = []
        for level, box, score in zip(self.trunk(images), self.box_towers, self.score_towers, strict=True):
            found += [self.boxes(box(level)), self.scores(score(level))]
        return tuple(found)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self.kind.layout == "maps":
            return (*(part.sigmoid() for part in maps[1::2]), *maps[0::2])
        last = [part.permute(0, 2, 3, 1) for part in maps]
        if self.kind.layout == "last":
            return (*last[1::2], *last[0::2])
        offsets, logits = (
            torch.cat([part.reshape(part.shape[0], -1, columns) for part in last[place::2]], 1)
            for place, columns in ((0, 4), (1, _CLASSES))
        )
        anchors = torch.cat(
            [self.anchors(part, stride) for part, stride in zip(maps[0::2], STRIDES, strict=True)]
        )
        sides = anchors[:, 2:]
        if self.kind.by_rows:
            offsets = offsets[..., [1, 0, 3, 2]]
        centers = anchors[:, :2] + offsets[..., :2] * sides
        sides = offsets[..., 2:].clamp(max=_MOST).exp() * sides
        near, far = centers - 0.5 * sides, centers + 0.5 * sides
        if self.kind.layout == "rows first":
            near, far = near.flip(2), far.flip(2)
        return torch.cat([near, far], 2), logits.sigmoid()

    def anchors(self, part: Tensor, stride: int) -> Tensor:
        """Return centre and sides of a level's anchors, ``[h * w * 9, 4]``."""
        height, width = (int(side) for side in part.shape[2:])
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centers = (torch.stack([columns, rows], 2).view(-1, 1, 2) + self.kind.offset) * stride
        sides = torch.from_numpy(self.kind.sides(stride)).float().view(1, _KINDS, 2)
        count = height * width
        both = [centers.expand(count, _KINDS, 2), sides.expand(count, _KINDS, 2)]
        return torch.cat(both, 2).view(-1, 4)


def _rows(part: Array, columns: int) -> Array:
    found: Array = part[0].astype(np.float64).transpose(1, 2, 0).reshape(-1, columns)
    return found


def truth(maps: Maps, kind: Kind) -> Truth:
    """The anchor varies fastest, then the column."""
    parts = []
    for stride, offsets, logits in zip(STRIDES, maps[0::2], maps[1::2], strict=True):
        place = np.repeat(points(offsets, stride, kind.offset), _KINDS, 0)
        sides = np.tile(kind.sides(stride), (len(place) // _KINDS, 1))
        values = _rows(offsets, 4)
        dx, dy, dw, dh = values[:, [1, 0, 3, 2]].T if kind.by_rows else values.T
        centers = place + np.stack([dx, dy], 1) * sides
        sides = sides * np.exp(np.minimum(np.stack([dw, dh], 1), _MOST))
        parts.append(Truth(corners(centers, sides), sigmoid(_rows(logits, _CLASSES))))
    return joined(parts)


def answers(maps: Maps, kind: Kind) -> tuple[Array, ...]:
    """What the four layouts hold."""
    if kind.layout == "maps":
        return (*(sigmoid(part) for part in maps[1::2]), *maps[0::2])
    if kind.layout == "last":
        return tuple(part.transpose(0, 2, 3, 1) for part in (*maps[1::2], *maps[0::2]))
    found = truth(maps, kind)
    order = [1, 0, 3, 2] if kind.layout == "rows first" else [0, 1, 2, 3]
    return found.boxes[:, order][None], found.scores[None]


def _family(name: str, kind: Kind) -> Family:
    each = tuple(f"{part}_{stride}" for part in ("cls", "box") for stride in STRIDES)
    return Family(
        name,
        partial(RetinaNet, kind),
        tuple(f"{part}_map_{stride}" for stride in STRIDES for part in ("box", "class")),
        each if kind.layout in ("maps", "last") else ("boxes", "scores"),
        partial(truth, kind=kind),
        partial(answers, kind=kind),
        source="input",
        channels_last=kind.layout == "last",
    )


FAMILIES = (
    _family("retinanet", Kind("corners", "rounded", 0.0)),
    _family("retinanet, centred", Kind("corners", "plain", 0.5)),
    _family("retinanet, maps only", Kind("maps", "rounded", 0.0)),
    _family("efficientdet-lite", Kind("rows first", "efficient", 0.5, by_rows=True)),
    _family("efficientdet-lite, maps only", Kind("last", "efficient", 0.5, by_rows=True)),
)
