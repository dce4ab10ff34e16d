"""Loss of detectors with prior boxes (Liu et al. 2016, SSD): offsets, classes, hard negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss
from torchvision.ops import box_convert, box_iou

from edgecnn.tasks.detection.priors import PriorPrediction, encode

if TYPE_CHECKING:
    from pydantic import JsonValue

    from edgecnn.ondevice.detector import Detector
    from edgecnn.tasks.detection.batch import Boxes

_LEAST_OVERLAP = 0.5
_NEGATIVES = 3
"""Negatives per prior that learns a box, the paper's 3:1."""


@dataclass(frozen=True)
class SsdLoss:
    """A :class:`edgecnn.training.method.Method` for detectors whose boxes are ``ssd``.

    Attributes:
        detector: Description of the outputs.
    """

    detector: Detector

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return the description of the outputs."""
        return {"name": "ssd", "detector": self.detector.to_json()}

    def to(self, device: torch.device) -> None:
        """Hold nothing."""

    def before_step(self, share: float) -> None:
        """Change nothing."""

    def loss(self, inputs: Tensor, outputs: tuple[Tensor, ...], targets: list[Boxes]) -> Tensor:
        """Return the sum over the learning priors and their negatives, per learning prior.

        An image without boxes adds nothing, because it has no negatives either; a prior whose centre is in an
        ignored box is not a negative.

        Args:
            inputs: Normalized images, float32 ``[N, C, H, W]``; only their size is used.
            outputs: Raw maps ``[N, C, H, W]``.
            targets: The boxes of each image, in pixels of the input.
        """
        height, width = inputs.shape[2:]
        found = PriorPrediction.of(outputs, self.detector, (height, width))
        corners = box_convert(found.priors, "cxcywh", "xyxy")
        background = 0
        wanted = torch.full(found.scores.shape[:2], background, device=found.scores.device)
        hidden = torch.zeros_like(wanted, dtype=torch.bool)
        offsets = found.offsets.new_zeros(())
        for index, target in enumerate(targets):
            priors, boxes = match(corners, target.corners)
            wanted[index, priors] = target.labels[boxes] + 1
            hidden[index] = target.hides(found.priors[:, :2])
            goal = encode(found.priors[priors], target.corners[boxes])
            offsets = offsets + smooth_l1_loss(found.offsets[index, priors], goal, reduction="sum")
        costs = cross_entropy(found.scores.flatten(0, 1), wanted.flatten(), reduction="none").view_as(wanted)
        positive = wanted != background
        negative = hard_negatives(costs.detach(), ~positive & ~hidden, _NEGATIVES * positive.sum(1))
        return (offsets + costs[positive | negative].sum()) / positive.sum().clamp(min=1)


@torch.no_grad()
def match(priors: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the priors that learn the boxes of one image.

    A prior learns the box that it overlaps most, from an IoU of one half. The best prior of a box learns that
    box at any overlap; if it is the best prior of several boxes, it learns the one that it overlaps most.

    Args:
        priors: float32 ``[P, 4]``, corners in pixels.
        boxes: float32 ``[M, 4]``, corners in pixels.

    Returns:
        Indices of the learning priors and of their boxes, both int64 ``[A]``.
    """
    if not len(boxes):
        none = torch.empty(0, dtype=torch.int64, device=priors.device)
        return none, none
    overlaps = box_iou(priors, boxes)
    overlap, owner = overlaps.max(dim=1)
    best = torch.zeros_like(overlaps, dtype=torch.bool).scatter_(
        0, overlaps.argmax(0, keepdim=True), value=True
    )
    is_best = best.any(dim=1)
    owner = torch.where(is_best, torch.where(best, overlaps, -1.0).argmax(dim=1), owner)
    learning = (is_best | (overlap >= _LEAST_OVERLAP)).nonzero().flatten()
    return learning, owner[learning]


def hard_negatives(costs: Tensor, eligible: Tensor, counts: Tensor) -> Tensor:
    """Choose the background priors with the largest loss, separately in each image.

    Args:
        costs: float32 ``[N, P]``.
        eligible: bool ``[N, P]``, which priors may be chosen.
        counts: int64 ``[N]``, how many to choose; fewer if fewer are eligible.

    Returns:
        bool ``[N, P]``.

    >>> costs, eligible = torch.tensor([[0.5, 0.1, 0.9, 0.7]]), torch.tensor([[True, True, False, True]])
    >>> hard_negatives(costs, eligible, torch.tensor([2])).tolist()
    [[True, False, False, True]]
    """
    order = costs.masked_fill(~eligible, -torch.inf).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)
    return (rank < counts[:, None]) & eligible
