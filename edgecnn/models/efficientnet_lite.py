"""EfficientNet-Lite 0 to 4, with TensorFlow's padding and plain integer-friendly operations.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(2019), in the Lite variants that TensorFlow published in 2020: no squeeze-and-excitation, ReLU6 in
place of swish, stem and head not scaled. Submodule names are those of timm's ``tf_efficientnet_lite*``,
so that its weights load as they are; :func:`rename_keys` maps the other published naming to them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor, nn

_STEM_CHANNELS = 32
_HEAD_CHANNELS = 1280
_BN_EPS = 1e-3
_BN_MOMENTUM = 0.01


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)

# Width and depth coefficients and dropout of Lite0 ... Lite4.
_VARIANTS = ((1.0, 1.0, 0.2), (1.0, 1.1, 0.2), (1.1, 1.2, 0.3), (1.2, 1.4, 0.3), (1.4, 1.8, 0.3))


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's "SAME" padding of one dimension, ``(before, after)``, in pixels.

    >>> same_padding(224, 3, 2), same_padding(65, 3, 2), same_padding(56, 5, 1)
    ((0, 1), (1, 1), (2, 2))
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def scale_channels(channels: int, width: float) -> int:
    """Scale a channel count and round it to a multiple of 8, by at most 10 % downwards.

    >>> scale_channels(16, 1.1), scale_channels(320, 1.1), scale_channels(24, 0.25)
    (16, 352, 8)
    """
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class SamePadConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding.

    Where the padding is symmetric it is the convolution's own; where it is not (stride 2 on an even
    size) a plain zero-padding precedes it. Sizes are Python integers in a static graph, so an exported
    file holds constants.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name in nn.Conv2d)
        """Convolve ``[N, C, H, W]`` to ``[N, C', ceil(H / stride), ceil(W / stride)]``."""
        top, bottom = same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
        padding = (top, left)
        if (top, left) != (bottom, right):
            input, padding = F.pad(input, (left, right, top, bottom)), (0, 0)  # noqa: A001
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_BN_EPS, momentum=_BN_MOMENTUM)


def _depthwise(channels: int, kernel: int, stride: int) -> SamePadConv2d:
    return SamePadConv2d(channels, channels, kernel, stride, groups=channels, bias=False)


class DepthwiseSeparable(nn.Module):
    """Depthwise, then pointwise convolution: the block without expansion."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _depthwise(inputs, kernel, stride)
        self.bn1 = _batch_norm(inputs)
        self.act = nn.ReLU6(inplace=True)
        self.conv_pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn2 = _batch_norm(outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, C', H / stride, W / stride]``."""
        y: Tensor = self.bn2(self.conv_pw(self.act(self.bn1(self.conv_dw(x)))))
        return x + y if self.residual else y


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, project (Sandler et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.conv_pw = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.bn1 = _batch_norm(hidden)
        self.conv_dw = _depthwise(hidden, kernel, stride)
        self.bn2 = _batch_norm(hidden)
        self.act = nn.ReLU6(inplace=True)
        self.conv_pwl = nn.Conv2d(hidden, outputs, 1, bias=False)
        self.bn3 = _batch_norm(outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, C', H / stride, W / stride]``."""
        hidden = self.act(self.bn1(self.conv_pw(x)))
        hidden = self.act(self.bn2(self.conv_dw(hidden)))
        y: Tensor = self.bn3(self.conv_pwl(hidden))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The network: stem, seven stages of blocks, head, global average pooling, classifier.

    Args:
        variant: 0 to 4.
        classes: Number of outputs.
        width: Multiplies the variant's width coefficient; stem and head keep their channels.
    """

    def __init__(self, variant: int, *, classes: int, width: float = 1.0) -> None:
        super().__init__()
        factor, depth, dropout = _VARIANTS[variant]
        self.conv_stem = SamePadConv2d(3, _STEM_CHANNELS, 3, 2, bias=False)
        self.bn1 = _batch_norm(_STEM_CHANNELS)
        self.act = nn.ReLU6(inplace=True)
        inputs, stages = _STEM_CHANNELS, []
        for index, stage in enumerate(_STAGES):
            fixed = index in (0, len(_STAGES) - 1)
            repeats = stage.repeats if fixed else math.ceil(stage.repeats * depth)
            outputs = scale_channels(stage.channels, factor * width)
            blocks: list[nn.Module] = []
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                if stage.expansion == 1:
                    blocks.append(DepthwiseSeparable(inputs, outputs, stage.kernel, stride))
                else:
                    blocks.append(InvertedResidual(inputs, outputs, stage.kernel, stride, stage.expansion))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = nn.Conv2d(inputs, _HEAD_CHANNELS, 1, bias=False)
        self.bn2 = _batch_norm(_HEAD_CHANNELS)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(_HEAD_CHANNELS, classes)
        self._initialize()

    def _initialize(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalized images, float32 ``[N, C, H, W]``, to logits ``[N, classes]``."""
        x = self.act(self.bn1(self.conv_stem(x)))
        x = self.blocks(x)
        x = self.act(self.bn2(self.conv_head(x)))
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        logits: Tensor = self.classifier(self.dropout(x))
        return logits


_PUBLISHED_BLOCK = re.compile(r"_blocks\.(\d+)\.(_\w+)\.(\w+)")
_PUBLISHED_ENDS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def rename_keys(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Map the keys of the ``efficientnet_lite_pytorch`` package to this module's.

    That package numbers blocks through all stages; this module counts them within a stage. Keys of any
    other naming pass unchanged, and the caller reports those that do not fit.
    """
    stages = module.get_submodule("blocks")
    flat = [name for name, _ in stages.named_modules(prefix="blocks") if name.count(".") == 2]
    renamed = {}
    for key, value in state.items():
        match = _PUBLISHED_BLOCK.fullmatch(key)
        layer, _, leaf = key.partition(".")
        if match and int(match[1]) < len(flat):
            names = _SEPARABLE if match[1] == "0" else _INVERTED
            renamed[f"{flat[int(match[1])]}.{names.get(match[2], match[2])}.{match[3]}"] = value
        else:
            renamed[f"{_PUBLISHED_ENDS.get(layer, layer)}.{leaf}" if leaf else key] = value
    return renamed
