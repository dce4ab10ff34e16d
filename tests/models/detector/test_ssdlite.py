from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from edgecnn.core.errors import UsageError
from edgecnn.models import zoo
from edgecnn.models.detection_network import DetectionNetwork
from edgecnn.models.detector.ssdlite import ssdlite
from edgecnn.ondevice.decode import decode

CONTRACT = zoo.find("ssdlite320-mobilenetv3-large").contract


def test_finds_what_torchvision_finds() -> None:
    """The same weights in torchvision's own module, with its own decode and suppression."""
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    torch.manual_seed(0)
    network = ssdlite(classes=3, in_channels=3).eval()
    # Fresh heads answer alike everywhere: spread their answers so that scores differ.
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(2, 3, 320, 320))
    network.eval()
    theirs = ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4, score_thresh=0.6, detections_per_img=50
    ).eval()
    theirs.load_state_dict(network.state_dict())

    pixels = torch.rand(3, 320, 320)
    with torch.inference_mode():
        expected = theirs([pixels])[0]
        outputs = [output.numpy() for output in network((pixels[None] - 0.5) / 0.5)]
    assert isinstance(network, DetectionNetwork)
    detector = dataclasses.replace(network.describe(CONTRACT), score_threshold=0.6, max_detections=50)
    (found,) = decode(detector, outputs, CONTRACT, [(320, 320)])
    assert len(found) > 5, "the test says nothing without detections"
    np.testing.assert_allclose(found.scores, expected["scores"], atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected["boxes"], atol=0.02)
    assert (found.classes + 1).tolist() == expected["labels"].tolist()


def test_gray_images_are_refused() -> None:
    with pytest.raises(UsageError, match="takes colour images"):
        ssdlite(classes=3, in_channels=1)
