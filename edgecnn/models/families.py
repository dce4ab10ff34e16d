"""Builders of the zoo's families over torchvision and timm.

Every builder takes ``classes`` and ``in_channels`` (1 or 3); families that support them also take ``width``
and ``stem_stride``. A network for 224 px reduces its input by 32; for images of 28 to 96 px a ``stem_stride``
of 1 halves that. All weights are drawn from torch's global random generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import UsageError
from edgecnn.models.stem_and_classifier import replace_stem

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import MobileNetV2

_WIDTHS = (0.05, 4.0)
_MAX_BLOCKS = 200
_MAX_CHANNELS = 8192
_MOBILENETV2_HEAD = 1280

# timm has separate names for these widths.
_MOBILENETV1 = {1.0: "mobilenetv1_100", 1.25: "mobilenetv1_125"}
_MOBILENETV4 = {
    "small": {
        1.0: "mobilenetv4_conv_small",
        0.5: "mobilenetv4_conv_small_050",
        0.35: "mobilenetv4_conv_small_035",
    },
    "medium": {1.0: "mobilenetv4_conv_medium"},
}


def mobilenetv1(*, classes: int, in_channels: int, width: float = 1.0, stem_stride: int = 2) -> nn.Module:
    """Build a MobileNetV1 (Howard et al. 2017); widths 1.0 and 1.25."""
    return _timm(_variant("mobilenetv1", _MOBILENETV1, width), classes, in_channels, stem_stride)


def mobilenetv2(
    *,
    classes: int,
    in_channels: int,
    width: float = 1.0,
    stem_stride: int = 2,
    stages: list[list[int]] | None = None,
    head: int = 1280,
    dropout: float = 0.2,
) -> nn.Module:
    """Build a MobileNetV2 (Sandler et al. 2018).

    Args:
        classes: Number of outputs.
        in_channels: Channels of the image.
        width: Multiplies the channels of every layer except the head.
        stem_stride: Stride of the first convolution.
        stages: Rows ``[expansion, channels, repeats, stride]`` that replace the paper's table 2.
        head: Channels of the last convolution; the paper's 1280 grows with widths above 1.
        dropout: Share of the head's outputs that training drops.

    Raises:
        UsageError: An argument is out of range.
    """
    from torchvision.models import MobileNetV2

    if stages is not None:
        _check_stages(stages)
    if type(head) is not int or not 1 <= head <= _MAX_CHANNELS:
        raise UsageError(f"head {head!r} is not a whole number within 1 .. {_MAX_CHANNELS}")
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UsageError(f"dropout {dropout!r} is not a number within [0, 1)")
    network = MobileNetV2(
        num_classes=classes,
        width_mult=_checked_width(width),
        inverted_residual_setting=stages,
        dropout=dropout,
    )
    if head != _MOBILENETV2_HEAD:
        _replace_head(network, head, classes)
    return replace_stem(network, in_channels=in_channels, stride=stem_stride)


def mobilenetv3(
    *, classes: int, in_channels: int, variant: str, width: float = 1.0, stem_stride: int = 2
) -> nn.Module:
    """Build a MobileNetV3 (Howard et al. 2019), ``small`` or ``large``."""
    from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

    build = {"small": mobilenet_v3_small, "large": mobilenet_v3_large}[variant]
    network = build(weights=None, num_classes=classes, width_mult=_checked_width(width))
    return replace_stem(network, in_channels=in_channels, stride=stem_stride)


def mobilenetv4(
    *, classes: int, in_channels: int, variant: str, width: float = 1.0, stem_stride: int = 2
) -> nn.Module:
    """Build a MobileNetV4-Conv (Qin et al. 2024); ``small`` has the widths 1.0, 0.5 and 0.35."""
    name = _variant(f"mobilenetv4-conv-{variant}", _MOBILENETV4[variant], width)
    return _timm(name, classes, in_channels, stem_stride)


def efficientnet_lite(
    *, classes: int, in_channels: int, variant: int, width: float = 1.0, stem_stride: int = 2
) -> nn.Module:
    """Build an EfficientNet-Lite, ``variant`` 0 to 4; ``width`` multiplies the variant's width."""
    from edgecnn.models.efficientnet_lite import EfficientNetLite

    network = EfficientNetLite(variant, classes=classes, width=_checked_width(width))
    return replace_stem(network, in_channels=in_channels, stride=stem_stride)


def resnet(*, classes: int, in_channels: int, depth: int, stem_stride: int = 2) -> nn.Module:
    """Build a ResNet (He et al. 2015), ``depth`` 18 or 50; the max pooling of the stem is kept."""
    from torchvision.models import resnet18, resnet50

    network = {18: resnet18, 50: resnet50}[depth](weights=None, num_classes=classes)
    return replace_stem(network, in_channels=in_channels, stride=stem_stride)


def _replace_head(network: MobileNetV2, channels: int, classes: int) -> None:
    """Give a MobileNetV2 a last convolution of another width, with torchvision's initial weights."""
    from torch import nn
    from torchvision.ops import Conv2dNormActivation

    inputs = network.features[-1][0].in_channels
    last = Conv2dNormActivation(inputs, channels, kernel_size=1, activation_layer=nn.ReLU6)
    nn.init.kaiming_normal_(last[0].weight, mode="fan_out")
    network.features[-1] = last
    network.classifier[1] = nn.Linear(channels, classes)
    nn.init.normal_(network.classifier[1].weight, 0.0, 0.01)
    nn.init.zeros_(network.classifier[1].bias)


def _timm(name: str, classes: int, in_channels: int, stem_stride: int) -> nn.Module:
    import timm

    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes)
    return replace_stem(network, in_channels=in_channels, stride=stem_stride)


def _variant(family: str, names: dict[float, str], width: float) -> str:
    if width not in names:
        known = ", ".join(str(known) for known in sorted(names))
        raise UsageError(f"{family} has no width {width!r}", hint=f"widths: {known}")
    return names[width]


def _checked_width(width: Any) -> float:
    low, high = _WIDTHS
    if isinstance(width, bool) or not isinstance(width, int | float) or not low <= width <= high:
        raise UsageError(f"width {width!r} is not a number within {low} .. {high}")
    return float(width)


def _check_stages(stages: Any) -> None:
    """Check MobileNetV2 stages that come from a YAML or JSON file."""
    hint = "stages is a list of rows [expansion, channels, repeats, stride]"
    if not isinstance(stages, list) or not stages:
        raise UsageError("stages is not a list of rows", hint=hint)
    for row in stages:
        if not isinstance(row, list) or len(row) != 4 or any(type(value) is not int for value in row):
            raise UsageError(f"stages: {row!r} is not a row of four whole numbers", hint=hint)
        expansion, channels, repeats, stride = row
        if not (
            1 <= expansion <= 16 and 1 <= channels <= _MAX_CHANNELS and repeats >= 1 and stride in (1, 2)
        ):
            raise UsageError(f"stages: {row} is out of range", hint=hint)
    if sum(row[2] for row in stages) > _MAX_BLOCKS:
        raise UsageError(f"stages: more than {_MAX_BLOCKS} blocks", hint=hint)
