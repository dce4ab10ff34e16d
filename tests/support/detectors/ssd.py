"""SSD (Liu et al. 2016): offsets from prior boxes with variances 0.1 and 0.2, and a background class."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import SIZE, Family, Maps, Truth, corners, joined, sigmoid, softmax
from tests.support.detectors.network import HeadNet, Trunk, tower

if TYPE_CHECKING:
    from tests.support.detectors.family import Array

_STRIDES = (16, 32, 64)
_SCALES = (0.2, 0.45, 0.7, 0.95)
_CLASSES = 5
_CENTER, _SIDE = 0.1, 0.2
_MOST = math.log(1000 / 16)
Style = Literal["fractions", "pixels", "offsets", "tensorflow"]


def shapes(level: int) -> list[tuple[float, float]]:
    """Return width and height of a level's six prior boxes, as fractions of the input's sides."""
    scale, between = _SCALES[level], math.sqrt(_SCALES[level] * _SCALES[level + 1])
    found = [(scale, scale), (between, between)]
    for ratio in (2.0, 3.0):
        root = math.sqrt(ratio)
        found += [(scale * root, scale / root), (scale / root, scale * root)]
    return [(min(width, 1.0), min(height, 1.0)) for width, height in found]


def priors(maps: Maps) -> list[Array]:
    """Return centre and sides of every level's priors, ``[h * w * 6, 4]``; the prior varies fastest."""
    found = []
    for level, part in enumerate(maps):
        height, width = part.shape[2:]
        rows = itertools.product(range(height), range(width), shapes(level))
        found.append(np.array([((i + 0.5) / width, (j + 0.5) / height, *shape) for j, i, shape in rows]))
    return found


class SSD(HeadNet):
    """A box and a class convolution for each stride, whose channels are by prior."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self.style = style
        self.trunk = Trunk(_STRIDES, nn.ReLU6)
        columns = 1 + _CLASSES
        self.columns = columns
        self.boxes = nn.ModuleList(tower(6 * 4, nn.ReLU6) for _ in _STRIDES)
        self.scores = nn.ModuleList(tower(6 * columns, nn.ReLU6) for _ in _STRIDES)
        for boxes, scores in zip(self.boxes, self.scores, strict=True):
            self.aim(boxes, 0.0, 1.5)
            background = -4.0 if style == "tensorflow" else 3.0
            self.aim(scores, [background, *[-3.0] * _CLASSES] * 6, 2.0)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = self.trunk(images)
        return tuple(
            head[place](level) for place, level in enumerate(levels) for head in (self.boxes, self.scores)
        )

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        boxes, logits = (
            torch.cat(
                [part.permute(0, 2, 3, 1).reshape(part.shape[0], -1, count) for part in maps[place::2]], 1
            )
            for place, count in ((0, 4), (1, self.columns))
        )
        scores = logits.sigmoid() if self.style == "tensorflow" else logits.softmax(2)
        if self.style == "offsets":
            return boxes, scores
        prior = torch.cat(
            [torch.from_numpy(part).float() for part in priors([part.numpy() for part in maps[::2]])]
        )
        if self.style == "tensorflow":
            return self.by_rows(boxes, prior), scores
        if self.style == "pixels":
            prior = prior * torch.tensor([SIZE[1], SIZE[0]] * 2).float()
        centers = boxes[..., :2] * _CENTER * prior[:, 2:] + prior[:, :2]
        sides = boxes[..., 2:] * _SIDE
        if self.style == "pixels":
            sides = sides.clamp(max=_MOST)
        sides = torch.exp(sides) * prior[:, 2:]
        return torch.cat([centers - sides / 2, centers + sides / 2], 2), scores

    @staticmethod
    def by_rows(boxes: Tensor, prior: Tensor) -> Tensor:
        """Decode offsets in the order of TensorFlow: row, column, height, width."""
        row, column, height, width = boxes.unbind(2)
        x, y, w, h = prior.unbind(1)
        rows, columns = row / 10.0 * h + y, column / 10.0 * w + x
        height, width = torch.exp(height / 5.0) * h, torch.exp(width / 5.0) * w
        found = (rows - height / 2, columns - width / 2, rows + height / 2, columns + width / 2)
        return torch.stack(found, 2)


def _rows(part: Array, columns: int) -> Array:
    found: Array = part[0].astype(np.float64).transpose(1, 2, 0).reshape(-1, columns)
    return found


def truth(maps: Maps, *, by_rows: bool = False, scores: Literal["softmax", "sigmoid"] = "softmax") -> Truth:
    """The first class is the background."""
    parts = []
    pixels = np.array([SIZE[1], SIZE[0]])
    for prior, boxes, logits in zip(priors(maps[0::2]), maps[0::2], maps[1::2], strict=True):
        offsets = _rows(boxes, 4)[:, [1, 0, 3, 2] if by_rows else [0, 1, 2, 3]]
        sides = prior[:, 2:] * pixels
        centers = prior[:, :2] * pixels + _CENTER * offsets[:, :2] * sides
        sides = sides * np.exp(np.minimum(_SIDE * offsets[:, 2:], _MOST))
        values = _rows(logits, 1 + _CLASSES)
        found = softmax(values, 1) if scores == "softmax" else sigmoid(values)
        parts.append(Truth(corners(centers, sides), found[:, 1:]))
    return joined(parts)


def answers(maps: Maps, style: Style) -> tuple[Array, ...]:
    """Boxes ``[1, n, 4]`` and scores with the background ``[1, n, 1 + classes]``."""
    logits = np.concatenate([_rows(part, 1 + _CLASSES) for part in maps[1::2]])
    scores = sigmoid(logits) if style == "tensorflow" else softmax(logits, 1)
    if style == "offsets":
        return np.concatenate([_rows(part, 4) for part in maps[0::2]])[None], scores[None]
    boxes = truth(maps, by_rows=style == "tensorflow").boxes
    if style != "pixels":
        boxes = boxes / np.array([SIZE[1], SIZE[0]] * 2)
    return (boxes[:, [1, 0, 3, 2]] if style == "tensorflow" else boxes)[None], scores[None]


def _family(name: str, style: Style) -> Family:
    tensorflow = style == "tensorflow"
    return Family(
        name,
        partial(SSD, style),
        tuple(f"{kind}_{stride}" for stride in _STRIDES for kind in ("box", "class")),
        ("raw_detection_boxes", "raw_detection_scores") if tensorflow else ("boxes", "scores"),
        partial(truth, by_rows=tensorflow, scores="sigmoid" if tensorflow else "softmax"),
        partial(answers, style=style),
        source="input",
    )


FAMILIES = (
    _family("ssd", "fractions"),
    _family("ssd, pixels", "pixels"),
    _family("ssd, offsets", "offsets"),
    _family("ssd, TensorFlow", "tensorflow"),
)
