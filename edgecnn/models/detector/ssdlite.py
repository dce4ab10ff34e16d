"""torchvision's SSDLite (Sandler et al. 2018, section 6.2) with the raw maps of its heads as outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgecnn.core.errors import UsageError
from edgecnn.models.detection_network import DetectionNetwork
from edgecnn.ondevice.detector import Detector, Level

if TYPE_CHECKING:
    from edgecnn.ondevice.contract import Contract

_IOU_THRESHOLD = 0.55


class SsdLite(DetectionNetwork):
    """Backbone and heads of torchvision's network; its outputs are boxes and scores of six feature maps.

    Resizing, normalization, decode and suppression of torchvision's module are left out: the contract and the
    detector's description specify them. Parameters have torchvision's names.

    Args:
        classes: Number of classes; a background is added, first.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models.detection import ssdlite320_mobilenet_v3_large

        whole = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes + 1)
        self.backbone: nn.Module = whole.backbone
        self.head: nn.Module = whole.head
        generator = whole.anchor_generator
        self._priors: list[Tensor] = [pairs.clamp(0, 1) for pairs in generator._wh_pairs]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images ``[N, 3, H, W]`` to twelve maps: boxes and scores of every feature map."""
        boxes = self.head.get_submodule("regression_head.module_list")
        scores = self.head.get_submodule("classification_head.module_list")
        outputs: list[Tensor] = []
        for place, features in enumerate(self.backbone(images).values()):
            outputs += [boxes.get_submodule(str(place))(features), scores.get_submodule(str(place))(features)]
        return tuple(outputs)

    def score_layers(self) -> tuple[str, ...]:
        """Return the last convolution of every classification head; the background is one of its outputs."""
        heads = "head.classification_head.module_list"
        return tuple(f"{heads}.{place}.1" for place in range(len(self._priors)))

    def describe(self, contract: Contract) -> Detector:
        """Return the description of the twelve maps; prior boxes are relative to the input's size."""
        image = torch.zeros(1, contract.channels, contract.height, contract.width)
        with torch.inference_mode():
            maps = self.eval()(image)
        levels = tuple(
            Level(
                stride=contract.width / maps[2 * place].shape[3],
                boxes=2 * place,
                scores=2 * place + 1,
                anchors=tuple(
                    (contract.width * float(width), contract.height * float(height))
                    for width, height in priors
                ),
            )
            for place, priors in enumerate(self._priors)
        )
        return Detector(levels, "ssd", "softmax", iou_threshold=_IOU_THRESHOLD)


def ssdlite(*, classes: int, in_channels: int) -> nn.Module:
    """Build an SSDLite over MobileNetV3-Large with fresh weights.

    Raises:
        UsageError: The images are gray.
    """
    if in_channels != 3:
        raise UsageError("SSDLite takes colour images", hint="set preprocessing.color to rgb")
    return SsdLite(classes)
