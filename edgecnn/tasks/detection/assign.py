"""Task-aligned assignment (Feng et al. 2021, TOOD) of cells to boxes.

A cell suits a box if it already scores its class high and places its box well, so that the best score and the
best box come from the same cell and suppression keeps the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_iou

CANDIDATES = 10
"""Candidate cells per box; the paper's k is 13, but fewer suit small inputs."""

_SCORE_POWER, _OVERLAP_POWER = 0.5, 6.0
_NEAR = 1.5
_TINY = 1e-9


@dataclass(frozen=True)
class Assignment:
    """Boxes and scores that the cells of one image learn; P is the number of cells.

    Attributes:
        cells: int64 ``[A]``, indices of the cells that learn a box.
        boxes: int64 ``[A]``, index of each cell's box.
        quality: float32 ``[A]``, target score of each cell, within 0..1.
    """

    cells: Tensor
    boxes: Tensor
    quality: Tensor


@torch.no_grad()
def assign(
    scores: Tensor, predicted: Tensor, centers: Tensor, strides: Tensor, boxes: Tensor, labels: Tensor
) -> Assignment:
    """Assign cells to the boxes of one image.

    A candidate's centre is in the box or within one and a half strides of the box's centre, so that boxes
    smaller than a cell are learnt too. A cell that several boxes claim goes to the one it overlaps most.

    Args:
        scores: float32 ``[P, classes]``, probabilities.
        predicted: float32 ``[P, 4]``, predicted corners in pixels.
        centers: float32 ``[P, 2]``, the cells' centres in pixels.
        strides: float32 ``[P, 1]``, pixels.
        boxes: float32 ``[M, 4]``, corners in pixels.
        labels: int64 ``[M]``.
    """
    if not len(boxes):
        none = labels.new_empty(0)
        return Assignment(none, none, scores.new_empty(0))
    overlaps = box_iou(predicted, boxes).clamp(min=0)
    aligned = scores[:, labels].pow(_SCORE_POWER) * overlaps.pow(_OVERLAP_POWER)
    aligned = aligned * _candidates(centers, strides, boxes)
    best, cells = aligned.topk(min(CANDIDATES, len(aligned)), dim=0)
    chosen = torch.zeros_like(aligned).scatter_(0, cells, (best > 0).float()).bool()
    # No cell would learn a box that no prediction overlaps yet, so the nearest cell starts with it.
    lonely = ~chosen.any(dim=0)
    if lonely.any():
        middle = (boxes[lonely, :2] + boxes[lonely, 2:]) / 2
        nearest = (torch.cdist(centers, middle) / strides).argmin(dim=0)
        chosen[nearest, lonely.nonzero().flatten()] = True
    owner = torch.where(chosen, overlaps + _TINY, torch.zeros_like(overlaps)).argmax(dim=1)
    taken = chosen.any(dim=1).nonzero().flatten()
    owner = owner[taken]
    mine = aligned[taken, owner]
    largest = torch.zeros_like(aligned[0]).scatter_reduce_(0, owner, mine, "amax")
    overlap = torch.zeros_like(aligned[0]).scatter_reduce_(0, owner, overlaps[taken, owner], "amax")
    quality = mine / (largest[owner] + _TINY) * overlap[owner]
    return Assignment(taken, owner, quality)


def _candidates(centers: Tensor, strides: Tensor, boxes: Tensor) -> Tensor:
    """Return which cells may learn which box, bool ``[P, M]``."""
    x, y = centers[:, :1], centers[:, 1:]
    inside = (x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])
    middle_x, middle_y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    near = ((x - middle_x).abs() < _NEAR * strides) & ((y - middle_y).abs() < _NEAR * strides)
    return inside | near
