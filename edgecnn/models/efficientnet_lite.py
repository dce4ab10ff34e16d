"""EfficientNet-Lite 0 to 4: timm's network, exported with plain integer-friendly operations.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(2019), in the Lite variants that TensorFlow published in 2020: no squeeze-and-excitation, ReLU6 in
place of swish, stem and head not scaled. timm builds the network. It differs from
``timm:tf_efficientnet_lite*`` in the width, which is an argument, the padding, which is constant in an
exported file, and the fresh weights. Parameters have timm's names; :func:`rename_keys` maps the other
published names to them.
"""

from __future__ import annotations

import math
import re
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from timm.layers.conv2d_same import Conv2dSame
from timm.models import _efficientnet_blocks as blocks
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

_STAGES = [
    ["ds_r1_k3_s1_e1_c16"],
    ["ir_r2_k3_s2_e6_c24"],
    ["ir_r2_k5_s2_e6_c40"],
    ["ir_r3_k3_s2_e6_c80"],
    ["ir_r3_k5_s1_e6_c112"],
    ["ir_r4_k5_s2_e6_c192"],
    ["ir_r1_k3_s1_e6_c320"],
]
"""Blocks, repeats, kernel, stride, expansion and channels of each stage, in timm's notation."""

_VARIANTS = ((1.0, 1.0, 0.2), (1.0, 1.1, 0.2), (1.1, 1.2, 0.3), (1.2, 1.4, 0.3), (1.4, 1.8, 0.3))
"""Width and depth coefficients and dropout of Lite0 ... Lite4."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's "SAME" padding of one dimension, ``(before, after)``, in pixels.

    >>> same_padding(224, 3, 2), same_padding(65, 3, 2), same_padding(56, 5, 1)
    ((0, 1), (1, 1), (2, 2))
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SamePadConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding.

    Symmetric padding is done by the convolution itself; asymmetric padding (stride 2 on an even size) by a
    zero-padding before it. timm always pads first. Sizes are Python integers in a static graph, so an
    exported file holds constants.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name in nn.Conv2d)
        """Convolve ``[N, C, H, W]`` to ``[N, C', ceil(H / stride), ceil(W / stride)]``."""
        top, bottom = same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
        padding = (top, left)
        if (top, left) != (bottom, right):
            input, padding = F.pad(input, (left, right, top, bottom)), (0, 0)  # noqa: A001
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class InvertedResidual(blocks.InvertedResidual):  # type: ignore[misc]
    """timm's block of expansion, depthwise filter and projection; the shortcut comes first in the sum."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, C', H / stride, W / stride]``."""
        y: Tensor = self.bn3(self.conv_pwl(self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))))
        return x + y if self.has_skip else y


_OURS = {Conv2dSame: SamePadConv2d, blocks.InvertedResidual: InvertedResidual}
"""timm's layers and their replacements, which compute the same but keep exported files unchanged."""


class EfficientNetLite(EfficientNet):  # type: ignore[misc]
    """The network: stem, seven stages of blocks, head, global average pooling, classifier.

    Args:
        variant: 0 to 4.
        classes: Number of outputs.
        width: Multiplies the variant's width coefficient; stem and head keep their channels.
    """

    def __init__(self, variant: int, *, classes: int, width: float = 1.0) -> None:
        factor, depth, dropout = _VARIANTS[variant]
        with torch.device("meta"):  # weights are drawn only once, below
            super().__init__(
                decode_arch_def(_STAGES, depth, fix_first_last=True),
                num_classes=classes,
                stem_size=32,
                fix_stem=True,
                num_features=1280,
                pad_type="same",
                act_layer=nn.ReLU6,
                norm_layer=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01),
                round_chs_fn=partial(round_channels, multiplier=factor * width),
                drop_rate=dropout,
            )
        self.to_empty(device="cpu")
        for layer in self.modules():
            layer.__class__ = _OURS.get(type(layer), type(layer))
        self._initialize()

    def _initialize(self) -> None:
        """Draw new weights from torch's global random generator, starting with each layer's defaults."""
        layers = list(self.modules())
        for layer in layers:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)


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

    That package numbers blocks through all stages; this module numbers them within a stage. Other keys stay
    unchanged, and the caller reports keys that do not fit.
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
