"""CenterNet (Zhou et al. 2019) and FOMO: one map of scores, in which an object is a peak."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.detectors.family import Family, Maps, Truth, cells, corners, points, sigmoid, softmax
from tests.support.detectors.network import HeadNet, Trunk, tower

if TYPE_CHECKING:
    from tests.support.detectors.family import Array

_CLASSES = 4
_BEST = 100
_STRIDE, _FOMO_STRIDE = 4, 8


class CenterNet(HeadNet):
    """A map of classes, one of widths and heights and one of offsets, all in cells of stride 4."""

    def __init__(self, *, sigmoid_inside: bool, peaks: bool) -> None:
        super().__init__()
        self.sigmoid_inside, self.peaks = sigmoid_inside, peaks
        self.trunk = Trunk((4,), nn.ReLU)
        self.heads = nn.ModuleList(tower(count, nn.ReLU) for count in (_CLASSES, 2, 2))
        for head, mean, deviation in zip(self.heads, (-4.0, 8.0, 0.5), (1.5, 2.5, 0.2), strict=True):
            self.aim(head, mean, deviation)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        (level,) = self.trunk(images)
        return tuple(head(level) for head in self.heads)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        heat, sides, offsets = maps
        if not self.sigmoid_inside:
            return heat, sides, offsets
        heat = heat.sigmoid()
        if self.peaks:
            heat = heat * (nn.functional.max_pool2d(heat, 3, 1, 1) == heat).float()
        return heat, sides, offsets


class CenterNetRows(CenterNet):
    """The 100 best peaks as rows ``x1, y1, x2, y2, score, class``."""

    def __init__(self) -> None:
        super().__init__(sigmoid_inside=True, peaks=True)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        heat, sides, offsets = super().decode(maps)
        count, width = int(heat.shape[2] * heat.shape[3]), int(heat.shape[3])
        scores, index = heat.flatten(1).topk(_BEST)
        cell = index % count
        place = cell.unsqueeze(1).expand(-1, 2, -1)
        size, offset = (part.flatten(2).gather(2, place) for part in (sides, offsets))
        centers = torch.stack([(cell % width).float(), (cell // width).float()], 1) + offset
        boxes = torch.cat([centers - size / 2, centers + size / 2], 1) * _STRIDE
        others = [scores.unsqueeze(1), (index // count).float().unsqueeze(1)]
        return (torch.cat([boxes, *others], 1).transpose(1, 2),)


class Fomo(HeadNet):
    """One map of a background and the classes, channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.channels_last = True
        self.trunk = Trunk((_FOMO_STRIDE,), nn.ReLU6)
        self.head = tower(1 + _CLASSES, nn.ReLU6)
        self.aim(self.head, [3.0, *[-1.5] * _CLASSES], 2.0)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        return (self.head(self.trunk(images)[0]),)

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (maps[0].permute(0, 2, 3, 1).softmax(3),)


def truth(maps: Maps) -> Truth:
    """A box at every cell, before any search for peaks."""
    heat, sides, offsets = (cells(part) for part in maps)
    centers = points(maps[0], _STRIDE, 0.0) + offsets * _STRIDE
    return Truth(corners(centers, sides * _STRIDE), sigmoid(heat))


def peaks(maps: Maps) -> Array:
    """Return the scores of the map where no neighbour of the same class is larger, 0 elsewhere."""
    scores = sigmoid(maps[0])
    padded = np.pad(scores, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = scores.shape[2:]
    shifted = [padded[:, :, top : top + height, left : left + width] for top in range(3) for left in range(3)]
    return np.where(scores == np.max(shifted, axis=0), scores, 0.0)


def answers(maps: Maps, *, sigmoid_inside: bool, only_peaks: bool) -> tuple[Array, ...]:
    """The heat map, after a sigmoid or not, and the two others."""
    heat = peaks(maps) if only_peaks else sigmoid(maps[0])
    return (heat if sigmoid_inside else maps[0], maps[1], maps[2])


def best_peaks(maps: Maps) -> tuple[Array, ...]:
    """The rows of the best peaks."""
    scores = peaks(maps)[0].reshape(_CLASSES, -1)
    order = np.argsort(-scores.ravel(), kind="stable")[:_BEST]
    classes, cell = np.divmod(order, scores.shape[1])
    rows = [truth(maps).boxes[cell], scores.ravel()[order, None], classes[:, None]]
    return (np.concatenate(rows, 1)[None],)


def fomo_truth(maps: Maps) -> Truth:
    """A box is the cell itself, because only centres are found."""
    centers = points(maps[0], _FOMO_STRIDE, 0.5)
    return Truth(corners(centers, np.full_like(centers, _FOMO_STRIDE)), softmax(cells(maps[0]), 1)[:, 1:])


def fomo_answers(maps: Maps) -> tuple[Array, ...]:
    """The odds of background and classes, ``[1, h, w, 1 + classes]``."""
    return (softmax(maps[0], 1).transpose(0, 2, 3, 1),)


def _centernet(name: str, *, sigmoid_inside: bool, only_peaks: bool = False) -> Family:
    return Family(
        name,
        partial(CenterNet, sigmoid_inside=sigmoid_inside, peaks=only_peaks),
        ("hm_map", "wh_map", "reg_map"),
        ("hm", "wh", "reg"),
        truth,
        partial(answers, sigmoid_inside=sigmoid_inside, only_peaks=only_peaks),
        source="input",
    )


FAMILIES = (
    _centernet("centernet", sigmoid_inside=True),
    _centernet("centernet, logits", sigmoid_inside=False),
    _centernet("centernet, peaks", sigmoid_inside=True, only_peaks=True),
    Family(
        "centernet, rows",
        CenterNetRows,
        ("hm_map", "wh_map", "reg_map"),
        ("detections",),
        truth,
        best_peaks,
        rows=True,
        source="input",
    ),
    Family(
        "fomo",
        Fomo,
        ("map",),
        ("output",),
        fomo_truth,
        fomo_answers,
        source="input",
        size=(96, 96),
        channels_last=True,
    ),
)
