"""NanoDet, NanoDet-Plus and PicoDet: distributions of 8 distances for each side (Li et al. 2020)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import (
    Family,
    Maps,
    Truth,
    around,
    cells,
    expected,
    joined,
    points,
    sigmoid,
)
from tests.support.detectors.network import STRIDES, HeadNet, Trunk, tower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.detectors.family import Array

BINS = 8
_SIDES = 4 * BINS
_CLASSES = 5
LONG = (*STRIDES, 64)
_HUMP = [-0.7 * abs(place - 2) for place in range(BINS)] * 4
Style = Literal["v0", "v0, two convolutions", "plus"]


class NanoDet(HeadNet):
    """The class logits are the first channels of a stride's one convolution, the distributions the others."""

    def __init__(self, style: Style, strides: Sequence[int]) -> None:
        super().__init__()
        self.style = style
        self.trunk = Trunk(strides, partial(nn.LeakyReLU, 0.1))
        self.two = style == "v0, two convolutions"
        self.scores = nn.ModuleList(tower(_CLASSES + (0 if self.two else _SIDES)) for _ in strides)
        self.boxes = nn.ModuleList(tower(_SIDES) for _ in strides if self.two)
        for head in self.scores:
            rest = 0 if self.two else 1
            self.aim(head, [-4.0] * _CLASSES + _HUMP * rest, [2.0] * _CLASSES + [1.0] * _SIDES * rest)
        for head in self.boxes:
            self.aim(head, _HUMP, 1.0)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = self.trunk(images)
        heads = (self.scores, self.boxes) if self.two else (self.scores,)
        return tuple(head[place](level) for place, level in enumerate(levels) for head in heads)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        step = 2 if self.two else 1
        pairs = [maps[place : place + step] for place in range(0, len(maps), step)]
        parts = [pair if self.two else torch.split(pair[0], [_CLASSES, _SIDES], 1) for pair in pairs]
        if self.style == "plus":
            joint = [torch.cat([scores.sigmoid(), sides], 1).flatten(2) for scores, sides in parts]
            return (torch.cat(joint, 2).permute(0, 2, 1),)
        flat = [
            (scores.sigmoid().reshape(-1, _CLASSES, scores.shape[2] * scores.shape[3]), sides.flatten(2))
            for scores, sides in parts
        ]
        return tuple(kind[place].permute(0, 2, 1) for place in range(2) for kind in flat)


class PicoDet(HeadNet):
    """Two convolutions for each stride, in the second version a third one that multiplies the scores."""

    def __init__(self, *, decoded_boxes: bool, aligned: bool) -> None:
        super().__init__()
        self.decoded_boxes, self.aligned = decoded_boxes, aligned
        self.trunk = Trunk(LONG, nn.Hardswish)
        self.scores = nn.ModuleList(tower(_CLASSES, nn.Hardswish) for _ in LONG)
        self.boxes = nn.ModuleList(tower(_SIDES, nn.Hardswish) for _ in LONG)
        self.align = nn.ModuleList(tower(1, nn.Hardswish) for _ in LONG if aligned)
        for scores, boxes in zip(self.scores, self.boxes, strict=True):
            self.aim(scores, -4.0, 2.0)
            self.aim(boxes, _HUMP, 1.0)
        for head in self.align:
            self.aim(head, -1.0, 1.5)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = self.trunk(images)
        heads = (self.boxes, self.scores, self.align) if self.aligned else (self.boxes, self.scores)
        return tuple(head[place](level) for place, level in enumerate(levels) for head in heads)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        step = 3 if self.aligned else 2
        scores = [part.sigmoid() for part in maps[1::step]]
        if self.aligned:
            scores = [(one * other.sigmoid()).sqrt() for one, other in zip(scores, maps[2::3], strict=True)]
        flat_scores = [part.flatten(2) for part in scores]
        sides = [part.permute(0, 2, 3, 1).reshape(part.shape[0], -1, _SIDES) for part in maps[0::step]]
        if not self.decoded_boxes:
            return (*(part.transpose(1, 2) for part in flat_scores), *sides)
        boxes = [self.place(*each) for each in zip(sides, maps[0::step], LONG, strict=True)]
        return torch.cat(boxes, 1), torch.cat(flat_scores, 2)

    @staticmethod
    def place(sides: Tensor, level: Tensor, stride: int) -> Tensor:
        """Return the corners of a level's boxes, ``[1, n, 4]`` in pixels."""
        height, width = (int(side) for side in level.shape[2:])
        rows, columns = torch.meshgrid(
            (torch.arange(height) + 0.5) * stride, (torch.arange(width) + 0.5) * stride, indexing="ij"
        )
        centers = torch.stack([columns, rows], 2).view(-1, 2)
        odds = sides.reshape(-1, BINS).softmax(1)
        distances = (odds @ torch.arange(BINS).float()).view(-1, height * width, 4) * stride
        return torch.cat([centers - distances[..., :2], centers + distances[..., 2:]], 2)


def split(maps: Maps, parts: int) -> list[tuple[Array, Array]]:
    """Return class logits and distributions of every level of NanoDet, ``[n, K]`` each."""
    if parts == 2:
        return [(cells(one), cells(other)) for one, other in zip(maps[0::2], maps[1::2], strict=True)]
    return [(cells(part)[:, :_CLASSES], cells(part)[:, _CLASSES:]) for part in maps]


def truth(maps: Maps, offset: float, strides: Sequence[int], parts: int = 1) -> Truth:
    """The older files have points in the middle of cells, NanoDet-Plus in their upper left corners."""
    found = []
    for (scores, sides), part, stride in zip(split(maps, parts), maps[::parts], strides, strict=True):
        boxes = around(points(part, stride, offset), expected(sides, BINS) * stride)
        found.append(Truth(boxes, sigmoid(scores)))
    return joined(found)


def answers(maps: Maps, parts: int = 1) -> tuple[Array, ...]:
    """Scores and distributions of every level, ``[1, n, K]``."""
    pairs = split(maps, parts)
    return (*(sigmoid(scores)[None] for scores, _ in pairs), *(sides[None] for _, sides in pairs))


def plus_answers(maps: Maps) -> tuple[Array, ...]:
    """Scores and distributions in one table, ``[1, n, classes + 32]``."""
    return (
        np.concatenate([np.concatenate([sigmoid(one), other], 1) for one, other in split(maps, 1)])[None],
    )


def pico_truth(maps: Maps, *, aligned: bool) -> Truth:
    """Points are in the middle of cells; an aligned score is the root of a product."""
    step, found = 3 if aligned else 2, []
    for place, stride in enumerate(LONG):
        boxes, scores = maps[step * place], sigmoid(cells(maps[step * place + 1]))
        if aligned:
            scores = np.sqrt(scores * sigmoid(cells(maps[step * place + 2])))
        distances = expected(cells(boxes), BINS) * stride
        found.append(Truth(around(points(boxes, stride, 0.5), distances), scores))
    return joined(found)


def pico_answers(maps: Maps, *, decoded_boxes: bool, aligned: bool) -> tuple[Array, ...]:
    """Corners ``[1, n, 4]`` and scores ``[1, classes, n]``, or scores and distributions of every level."""
    found = pico_truth(maps, aligned=aligned)
    if decoded_boxes:
        return found.boxes[None], found.scores.T[None]
    sides = [cells(part)[None] for part in maps[:: 3 if aligned else 2]]
    ends = np.cumsum([part.shape[1] for part in sides])[:-1]
    return (*(part[None] for part in np.split(found.scores, ends)), *sides)


def _pico(name: str, *, decoded_boxes: bool, aligned: bool) -> Family:
    each = [f"{kind}_{stride}" for kind in ("scores", "sides") for stride in LONG]
    kinds = ("box", "class", "align") if aligned else ("box", "class")
    return Family(
        name,
        partial(PicoDet, decoded_boxes=decoded_boxes, aligned=aligned),
        tuple(f"{kind}_map_{stride}" for stride in LONG for kind in kinds),
        ("boxes", "scores") if decoded_boxes else tuple(each),
        partial(pico_truth, aligned=aligned),
        partial(pico_answers, decoded_boxes=decoded_boxes, aligned=aligned),
        source="image",
    )


_V0 = tuple(f"{kind}_{stride}" for kind in ("scores", "sides") for stride in STRIDES)
FAMILIES = (
    Family(
        "nanodet",
        partial(NanoDet, "v0", STRIDES),
        tuple(f"map_{stride}" for stride in STRIDES),
        _V0,
        partial(truth, offset=0.5, strides=STRIDES),
        answers,
        source="input.1",
    ),
    Family(
        "nanodet, two convolutions",
        partial(NanoDet, "v0, two convolutions", STRIDES),
        tuple(f"{kind}_map_{stride}" for stride in STRIDES for kind in ("class", "box")),
        _V0,
        partial(truth, offset=0.5, strides=STRIDES, parts=2),
        partial(answers, parts=2),
        source="input.1",
    ),
    Family(
        "nanodet-plus",
        partial(NanoDet, "plus", LONG),
        tuple(f"map_{stride}" for stride in LONG),
        ("output",),
        partial(truth, offset=0.0, strides=LONG),
        plus_answers,
        source="data",
    ),
    _pico("picodet, maps", decoded_boxes=False, aligned=False),
    _pico("picodet", decoded_boxes=True, aligned=False),
    _pico("picodet, aligned scores", decoded_boxes=True, aligned=True),
)
