"""A YOLO-style detector: mobile backbone, feature pyramid with a second path upwards, decoupled heads.

Anchor-free, one box a cell (Tian et al. 2019, FCOS); boxes as distributions over distances (Li et al. 2020);
the score of a class is also the quality of its box, so there is no objectness. The outputs are the heads'
last convolutions: decode, sigmoid and concatenation stay outside the exported graph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgecnn.core.errors import UsageError
from edgecnn.models.detection_network import DetectionNetwork
from edgecnn.models.detector.backbone import STRIDES, Backbone
from edgecnn.models.detector.blocks import ACTIVATIONS, Activation, ConvNorm, Merge, Separable
from edgecnn.ondevice.detector import Detector, Level

if TYPE_CHECKING:
    from pydantic import JsonValue

    from edgecnn.ondevice.contract import Contract

_BINS = (2, 64)
_PRIOR = 0.01


@dataclass(frozen=True)
class Size:
    """Size of a detector.

    Attributes:
        width: Channels of the neck and the heads.
        depth: Separable convolutions in each block of the neck.
        head: Separable convolutions in each branch of a head.
    """

    width: int
    depth: int
    head: int


SIZES = {"nano": Size(width=64, depth=1, head=1), "small": Size(width=96, depth=2, head=2)}


class Neck(nn.Module):
    """A path aggregation network (Liu et al. 2018): top-down, then bottom-up.

    Args:
        channels: Channels of the backbone's maps, the finest first.
        size: Width and depth.
        activation: Name of the activation.
    """

    def __init__(self, channels: list[int], size: Size, activation: Activation) -> None:
        super().__init__()
        width, steps = size.width, len(channels) - 1
        self.enter = nn.ModuleList(ConvNorm(count, width, activation=activation) for count in channels)
        self.down = nn.ModuleList(
            Merge(2 * width, width, size.depth, activation=activation) for _ in range(steps)
        )
        self.reduce = nn.ModuleList(Separable(width, width, 2, activation=activation) for _ in range(steps))
        self.up = nn.ModuleList(
            Merge(2 * width, width, size.depth, activation=activation) for _ in range(steps)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map ``[N, channels[i], H_i, W_i]`` to ``[N, width, H_i, W_i]``."""
        entered = [enter(x) for enter, x in zip(self.enter, maps, strict=True)]
        top_down = [entered[-1]]
        for merge, finer in zip(self.down, reversed(entered[:-1]), strict=True):
            doubled = interpolate(top_down[0], scale_factor=2.0, mode="nearest")
            top_down.insert(0, merge(doubled, finer))
        bottom_up = [top_down[0]]
        for reduce, merge, coarser in zip(self.reduce, self.up, top_down[1:], strict=True):
            bottom_up.append(merge(reduce(bottom_up[-1]), coarser))
        return bottom_up


class Head(nn.Module):
    """Boxes and scores of one feature map, each computed by a separate branch.

    Args:
        size: Width and depth.
        classes: Number of classes.
        bins: Number of distances over which the position of a box side is distributed.
        activation: Name of the activation.
    """

    def __init__(self, size: Size, classes: int, bins: int, activation: Activation) -> None:
        super().__init__()
        width = size.width

        def branch(outputs: int) -> nn.Sequential:
            steps = [Separable(width, width, activation=activation) for _ in range(size.head)]
            return nn.Sequential(*steps, nn.Conv2d(width, outputs, 1))

        self.boxes = branch(4 * bins)
        self.scores = branch(classes)
        for layer in (self.boxes[-1], self.scores[-1]):
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.bias, _prior_logit() if layer is self.scores[-1] else 1.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``[N, 4 * bins, H, W]`` and ``[N, classes, H, W]``, both logits."""
        return self.boxes(x), self.scores(x)


class Yolo(DetectionNetwork):
    """The whole detector; its outputs are boxes and scores of stride 8, then 16, then 32.

    Args:
        classes: Number of classes.
        in_channels: Channels of the image.
        backbone: Name of the backbone.
        backbone_arguments: Arguments of its builder.
        size: Width and depth of neck and heads.
        bins: Number of distances, in strides, over which the position of a box side is distributed.
        activation: Activation of neck and heads; the backbone keeps its own.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        backbone: str,
        backbone_arguments: dict[str, JsonValue],
        size: Size,
        bins: int,
        activation: Activation,
    ) -> None:
        super().__init__()
        self.backbone_name = backbone
        self.bins = bins
        self._head_depth = size.head
        self.backbone = Backbone(backbone, in_channels, backbone_arguments)
        self.neck = Neck(self.backbone.channels, size, activation)
        self.heads = nn.ModuleList(Head(size, classes, bins, activation) for _ in STRIDES)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images ``[N, C, H, W]`` to six maps: boxes and scores of every stride."""
        maps = self.neck(self.backbone(images))
        return tuple(output for head, x in zip(self.heads, maps, strict=True) for output in head(x))

    def score_layers(self) -> tuple[str, ...]:
        """Return the last convolution of every head's branch of scores."""
        return tuple(f"heads.{index}.scores.{self._head_depth}" for index in range(len(STRIDES)))

    def describe(self, contract: Contract) -> Detector:
        """Return the description of the six maps."""
        if contract.height % STRIDES[-1] or contract.width % STRIDES[-1]:
            raise UsageError(
                f"a detector's input {contract.height}x{contract.width} is not a multiple of {STRIDES[-1]}",
                hint="set preprocessing.height and width",
            )
        levels = tuple(
            Level(stride, boxes=2 * index, scores=2 * index + 1) for index, stride in enumerate(STRIDES)
        )
        return Detector(levels, "dfl", "sigmoid", bins=self.bins)


def yolo(
    *,
    classes: int,
    in_channels: int,
    size: str,
    backbone: str,
    width: float = 1.0,
    activation: Activation = "relu6",
    bins: int = 8,
) -> nn.Module:
    """Build a detector with fresh weights.

    Args:
        classes: Number of classes.
        in_channels: Channels of the image.
        size: ``nano`` or ``small``.
        backbone: A classifier of the zoo, one of :data:`edgecnn.models.detector.backbone.BACKBONES`.
        width: Multiplies the backbone's channels.
        activation: ``relu6``, which every accelerator has, or ``hard-swish``.
        bins: A side is at most ``bins - 1`` strides away; 8 suffice for inputs of up to about 400 px.

    Raises:
        UsageError: An argument is out of range.
    """
    if activation not in ACTIVATIONS:
        raise UsageError(f"activation {activation!r} is not one of {', '.join(ACTIVATIONS)}")
    if type(bins) is not int or not _BINS[0] <= bins <= _BINS[1]:
        raise UsageError(f"bins {bins!r} is not a whole number within {_BINS[0]} .. {_BINS[1]}")
    return Yolo(
        classes,
        in_channels,
        backbone=backbone,
        backbone_arguments={"width": width},
        size=SIZES[size],
        bins=bins,
        activation=activation,
    )


def _prior_logit() -> float:
    """Return the initial logit of a score, low enough that the many empty cells do not dominate the loss."""
    return -math.log((1.0 - _PRIOR) / _PRIOR)
