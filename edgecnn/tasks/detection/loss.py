"""Loss of detectors: quality-aware scores, generalized IoU and the distribution of distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torchvision.ops import generalized_box_iou_loss

from edgecnn.tasks.detection.assign import assign
from edgecnn.tasks.detection.grid import Prediction

if TYPE_CHECKING:
    from pydantic import JsonValue

    from edgecnn.ondevice.detector import Detector
    from edgecnn.tasks.detection.batch import Boxes

_SCORES, _OVERLAP, _DISTANCES = 1.0, 2.0, 0.5
"""Weights of the three parts; the last two are those of Generalized Focal Loss (Li et al. 2020)."""


@dataclass(frozen=True)
class DetectionLoss:
    """A :class:`edgecnn.training.method.Method` for detectors whose boxes are ``dfl``.

    Attributes:
        detector: Description of the outputs.
    """

    detector: Detector

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return the description of the outputs."""
        return {"name": "detection", "detector": self.detector.to_json()}

    def to(self, device: torch.device) -> None:
        """Hold nothing."""

    def before_step(self, share: float) -> None:
        """Change nothing."""

    def loss(self, inputs: Tensor, outputs: tuple[Tensor, ...], targets: list[Boxes]) -> Tensor:  # noqa: ARG002
        """Return the weighted sum, normalized by the sum of the qualities in the batch.

        A cell in an ignored box that learns no box adds nothing to the loss.

        Args:
            inputs: Not used.
            outputs: Raw maps ``[N, C, H, W]``.
            targets: The boxes of each image, in pixels of the input.
        """
        found = Prediction.of(outputs, self.detector)
        boxes = found.boxes()
        wanted = torch.zeros_like(found.scores)
        counted = torch.ones_like(found.scores[..., :1])
        overlap, distances = outputs[0].new_zeros(()), outputs[0].new_zeros(())
        probabilities = found.scores.detach().sigmoid()
        for index, target in enumerate(targets):
            given = assign(
                probabilities[index],
                boxes[index].detach(),
                found.centers,
                found.strides,
                target.corners,
                target.labels,
            )
            wanted[index, given.cells, target.labels[given.boxes]] = given.quality
            counted[index, target.hides(found.centers)] = 0.0
            counted[index, given.cells] = 1.0
            corners, weight = target.corners[given.boxes], given.quality.clamp(min=_LEAST_WEIGHT)
            overlap = overlap + (generalized_box_iou_loss(boxes[index, given.cells], corners) * weight).sum()
            cost = _distance_cost(found, index, given.cells, corners)
            distances = distances + (cost * weight).sum()
        total = wanted.sum().clamp(min=1.0)
        scores = binary_cross_entropy_with_logits(found.scores, wanted, counted, reduction="sum")
        return (_SCORES * scores + _OVERLAP * overlap + _DISTANCES * distances) / total


_LEAST_WEIGHT = 0.05
"""Weight of a box that nothing overlaps yet; with a quality of zero its cell would never learn."""


def _distance_cost(found: Prediction, image: int, cells: Tensor, corners: Tensor) -> Tensor:
    """Return the distribution focal loss of each cell, ``[A]``: cross entropy with the two nearest bins."""
    centers, strides = found.centers[cells], found.strides[cells]
    sides = torch.cat([centers - corners[:, :2], corners[:, 2:] - centers], 1) / strides
    bins = found.distances.shape[-1]
    sides = sides.clamp(0, bins - 1 - 1e-3)
    low = sides.floor().long()
    share = sides - low
    logits = found.distances[image, cells].flatten(0, 1)
    below = cross_entropy(logits, low.flatten(), reduction="none").view_as(sides)
    above = cross_entropy(logits, low.flatten() + 1, reduction="none").view_as(sides)
    return ((1.0 - share) * below + share * above).mean(dim=1)
