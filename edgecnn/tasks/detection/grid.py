"""The cells of all feature maps in one row, with a detector's raw outputs at each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from edgecnn.ondevice.detector import Detector


@dataclass(frozen=True)
class Prediction:
    """Raw outputs in the order of the cells; P is the number of cells of all feature maps.

    Attributes:
        scores: float32 ``[N, P, classes]``, logits.
        distances: float32 ``[N, P, 4, bins]``, logits of the four sides' distances in strides.
        centers: float32 ``[P, 2]``, x and y of the cells' centres in pixels of the input.
        strides: float32 ``[P, 1]``, pixels.
    """

    scores: Tensor
    distances: Tensor
    centers: Tensor
    strides: Tensor

    @staticmethod
    def of(outputs: tuple[Tensor, ...], detector: Detector) -> Prediction:
        """Concatenate the maps ``[N, C, H, W]`` of a ``dfl`` detector into one row."""
        scores, distances, centers, strides = [], [], [], []
        for level in detector.levels:
            boxes, logits = outputs[level.boxes].float(), outputs[level.scores].float()
            height, width = boxes.shape[2:]
            scores.append(logits.flatten(2).transpose(1, 2))
            distances.append(boxes.flatten(2).transpose(1, 2).reshape(len(boxes), -1, 4, detector.bins))
            y, x = torch.meshgrid(
                torch.arange(height, device=boxes.device),
                torch.arange(width, device=boxes.device),
                indexing="ij",
            )
            centers.append((torch.stack([x.flatten(), y.flatten()], 1) + 0.5) * level.stride)
            strides.append(boxes.new_full((height * width, 1), level.stride))
        return Prediction(
            torch.cat(scores, 1), torch.cat(distances, 1), torch.cat(centers), torch.cat(strides)
        )

    def boxes(self) -> Tensor:
        """Return the predicted boxes, float32 ``[N, P, 4]``, corners in pixels of the input."""
        weights = torch.arange(self.distances.shape[-1], dtype=torch.float32, device=self.distances.device)
        sides = (self.distances.softmax(-1) @ weights) * self.strides
        return torch.cat([self.centers - sides[..., :2], self.centers + sides[..., 2:]], -1)
