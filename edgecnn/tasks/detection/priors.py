"""The prior boxes of all feature maps in one row, with an ``ssd`` detector's raw outputs at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchvision.ops import box_convert

from edgecnn.ondevice.box_coding import SSD_CENTER, SSD_SIZE

if TYPE_CHECKING:
    from edgecnn.ondevice.detector import Detector, Level


@dataclass(frozen=True)
class PriorPrediction:
    """Raw outputs in the order of the prior boxes; P is the number of priors of all feature maps.

    Priors are in the order of the levels; within a level the row varies slowest, then the column, then the
    kind of prior.

    Attributes:
        scores: float32 ``[N, P, 1 + classes]``, logits; the background is first.
        offsets: float32 ``[N, P, 4]``, as :func:`encode` gives them.
        priors: float32 ``[P, 4]``, centre x and y, width and height in pixels of the input.
    """

    scores: Tensor
    offsets: Tensor
    priors: Tensor

    @staticmethod
    def of(outputs: tuple[Tensor, ...], detector: Detector, size: tuple[int, int]) -> PriorPrediction:
        """Concatenate the maps ``[N, C, H, W]`` of an ``ssd`` detector into one row.

        Priors keep their size in pixels for any input size, as objects do; an input of another size has more
        or fewer cells.

        Args:
            outputs: The raw maps.
            detector: Description of the maps and the priors.
            size: Height and width of the input in pixels.
        """
        scores, offsets, priors = [], [], []
        for level in detector.levels:
            logits, boxes = outputs[level.scores].float(), outputs[level.boxes].float()
            kinds = len(level.anchors)
            scores.append(_in_a_row(logits, kinds))
            offsets.append(_in_a_row(boxes, kinds))
            priors.append(_priors(level, boxes, size))
        return PriorPrediction(torch.cat(scores, 1), torch.cat(offsets, 1), torch.cat(priors))


def encode(priors: Tensor, corners: Tensor) -> Tensor:
    """Return the offsets from priors to boxes, float32 ``[A, 4]``; decoding them gives the boxes.

    Args:
        priors: float32 ``[A, 4]``, centre x and y, width and height in pixels.
        corners: float32 ``[A, 4]``, the box of each prior, corners in pixels; its area is not 0.

    >>> prior, box = torch.tensor([[50.0, 50.0, 20.0, 40.0]]), torch.tensor([[42.0, 30.0, 62.0, 70.0]])
    >>> encode(prior, box).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    boxes = box_convert(corners, "xyxy", "cxcywh")
    centers = (boxes[:, :2] - priors[:, :2]) / (priors[:, 2:] * float(SSD_CENTER))
    sizes = torch.log(boxes[:, 2:] / priors[:, 2:]) / float(SSD_SIZE)
    return torch.cat([centers, sizes], 1)


def _in_a_row(maps: Tensor, kinds: int) -> Tensor:
    """Reshape ``[N, kinds * C, H, W]`` to ``[N, H * W * kinds, C]``."""
    images, channels, rows, columns = maps.shape
    apart = maps.reshape(images, kinds, channels // kinds, rows, columns)
    return apart.permute(0, 3, 4, 1, 2).flatten(1, 3)


def _priors(level: Level, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the priors of one feature map, whose output is ``boxes``, float32 ``[H * W * kinds, 4]``."""
    rows, columns = boxes.shape[2:]
    y = (torch.arange(rows, device=boxes.device) + 0.5) * (size[0] / rows)
    x = (torch.arange(columns, device=boxes.device) + 0.5) * (size[1] / columns)
    centers = torch.stack([x.expand(rows, -1), y[:, None].expand(-1, columns)], -1).reshape(-1, 2)
    sides = boxes.new_tensor(level.anchors)
    return torch.cat([centers.repeat_interleave(len(sides), 0), sides.repeat(len(centers), 1)], 1)
