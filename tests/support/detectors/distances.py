"""YOLOv6, YOLO-NAS, PP-YOLOE, DAMO-YOLO and RTMDet: distances to the four sides, plain or as distributions.

Each family has its own order of levels, layout of outputs and operators for the mean of a distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    cells,
    centered,
    expected,
    joined,
    points,
    sigmoid,
)
from tests.support.detectors.network import STRIDES, HeadNet, Trunk, tower

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.detectors.family import Array

_CLASSES = len(NAMES)


@dataclass(frozen=True)
class Kind:
    """What distinguishes the families of this module.

    Attributes:
        layout: ``ones``: one table of centre, sides, a column of ones and scores; ``boxes``: corners, and
            scores by cell; ``by class``: corners, and scores by class; ``scores``: scores by cell, and
            corners; ``maps``: the logits of all levels, and the distances in pixels of all levels.
        bins: Number of distances of a distribution; 1 for plain distances.
        ramp: Operator of a distribution's mean.
        exponential: Whether plain distances are exponentials.
        offset: Place of a point in its cell.
        coarse_first: Whether the level of the largest stride is first.
        act: The network's activation.
    """

    layout: Literal["ones", "boxes", "by class", "scores", "maps"]
    bins: int = 1
    ramp: Literal["conv", "matmul", "sum"] = "conv"
    exponential: bool = False
    offset: float = 0.5
    coarse_first: bool = False
    act: Callable[[], nn.Module] = nn.SiLU

    @property
    def strides(self) -> tuple[int, ...]:
        """The strides in the order of the file's rows."""
        return STRIDES[::-1] if self.coarse_first else STRIDES


class Distances(HeadNet):
    """A box and a class convolution for each stride."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind, bins = kind, kind.bins
        self.trunk = Trunk(act=kind.act)
        self.boxes = nn.ModuleList(tower(4 * bins, kind.act) for _ in STRIDES)
        self.scores = nn.ModuleList(tower(_CLASSES, kind.act) for _ in STRIDES)
        hump: list[float] | float = [-0.5 * abs(place - 3) for place in range(bins)] * 4 if bins > 1 else 2.0
        for boxes, scores in zip(self.boxes, self.scores, strict=True):
            self.aim(boxes, 0.5 if kind.exponential else hump, 0.5 if kind.exponential else 1.0)
            self.aim(scores, -4.0, 2.0)
        self.ramp = nn.Parameter(torch.arange(bins).float())

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        levels = dict(
            zip(STRIDES, zip(self.boxes, self.scores, self.trunk(images), strict=True), strict=True)
        )
        return tuple(head(levels[stride][2]) for stride in self.kind.strides for head in levels[stride][:2])

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        kind = self.kind
        sizes = [(int(part.shape[2]), int(part.shape[3])) for part in maps[0::2]]
        if kind.layout == "maps":
            sides = [part.exp() if kind.exponential else part for part in maps[0::2]]
            return (*maps[1::2], *(part * stride for part, stride in zip(sides, kind.strides, strict=True)))
        flat = [self.distances(part) for part in maps[0::2]]
        grids, strides = [], []
        for stride, (height, width) in zip(kind.strides, sizes, strict=True):
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            grids.append((torch.stack([columns, rows], 2).view(-1, 2) + kind.offset).float())
            strides.append(torch.full((height * width, 1), float(stride)))
        grid, step = torch.cat(grids), torch.cat(strides)
        distances = torch.cat(flat, 2).permute(0, 2, 1)
        scores = torch.cat([part.sigmoid().flatten(2) for part in maps[1::2]], 2)
        near, far = torch.split(distances, [2, 2], 2)
        first, second = grid - near, grid + far
        if kind.layout == "ones":
            boxes = torch.cat([(first + second) / 2, second - first], 2) * step
            ones = torch.ones_like(boxes[..., :1])
            return (torch.cat([boxes, ones, scores.permute(0, 2, 1)], 2),)
        boxes = torch.cat([first, second], 2) * step
        if kind.layout == "by class":
            return boxes, scores
        by_cell = scores.permute(0, 2, 1)
        return (boxes, by_cell) if kind.layout == "boxes" else (by_cell, boxes)

    def distances(self, part: Tensor) -> Tensor:
        """Return the distances of a level in strides, ``[1, 4, n]``."""
        batch, count = part.shape[0], int(part.shape[2] * part.shape[3])
        if self.kind.bins == 1:
            return (part.exp() if self.kind.exponential else part).view(batch, 4, count)
        logits = part.view(batch, 4, self.kind.bins, count)
        if self.kind.ramp == "conv":
            odds = logits.permute(0, 2, 1, 3).softmax(1)
            return nn.functional.conv2d(odds, self.ramp.view(1, -1, 1, 1)).view(batch, 4, count)
        if self.kind.ramp == "sum":
            return (logits.softmax(2) * self.ramp.view(1, 1, -1, 1)).sum(2)
        found: Tensor = logits.permute(0, 1, 3, 2).softmax(3) @ self.ramp
        return found


def truth(maps: Maps, kind: Kind) -> Truth:
    """Scores have no objectness."""
    parts = []
    for stride, boxes, scores in zip(kind.strides, maps[0::2], maps[1::2], strict=True):
        distances = expected(cells(boxes), kind.bins) if kind.bins > 1 else cells(boxes)
        if kind.exponential:
            distances = np.exp(distances)
        found = around(points(boxes, stride, kind.offset), distances * stride)
        parts.append(Truth(found, sigmoid(cells(scores))))
    return joined(parts)


def answers(maps: Maps, kind: Kind) -> tuple[Array, ...]:
    """What the five layouts hold."""
    if kind.layout == "maps":
        sides = [np.exp(part) if kind.exponential else part for part in maps[0::2]]
        return (*maps[1::2], *(part * stride for part, stride in zip(sides, kind.strides, strict=True)))
    found = truth(maps, kind)
    boxes, scores = found.boxes, found.scores
    if kind.layout == "ones":
        return (np.concatenate([centered(boxes), np.ones((len(boxes), 1)), scores], 1)[None],)
    if kind.layout == "by class":
        return boxes[None], scores.T[None]
    return (boxes[None], scores[None]) if kind.layout == "boxes" else (scores[None], boxes[None])


def _family(
    name: str, kind: Kind, outputs: tuple[str, ...], source: str = "images", white: float = 1.0
) -> Family:
    return Family(
        name,
        partial(Distances, kind),
        tuple(f"{part}_{stride}" for stride in kind.strides for part in ("box", "class")),
        outputs,
        partial(truth, kind=kind),
        partial(answers, kind=kind),
        source=source,
        white=white,
    )


_MAPS = tuple(f"{part}_{stride}" for part in ("cls", "bbox") for stride in STRIDES)
FAMILIES = (
    _family("yolov6", Kind("ones", act=nn.ReLU), ("outputs",)),
    _family("yolov6, distribution", Kind("ones", bins=17), ("outputs",)),
    _family(
        "yolo-nas", Kind("boxes", bins=17, ramp="sum", act=nn.ReLU), ("pred_boxes", "pred_scores"), "input"
    ),
    _family("ppyoloe", Kind("by class", bins=17, coarse_first=True), ("boxes", "scores"), "image"),
    _family(
        "damo-yolo", Kind("scores", bins=17, ramp="matmul", offset=0.0), ("scores", "boxes"), white=255.0
    ),
    _family("rtmdet, maps only", Kind("maps", offset=0.0), _MAPS, "input"),
    _family("rtmdet, exponential, maps only", Kind("maps", exponential=True, offset=0.0), _MAPS, "input"),
    _family("rtmdet", Kind("boxes", offset=0.0), ("boxes", "scores"), "input"),
    _family("rtmdet, exponential", Kind("boxes", exponential=True, offset=0.0), ("boxes", "scores"), "input"),
)
