"""MobileNetV2 for 32-pixel images: the network that most tests of networks take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec import ModelSpec

REFERENCE = "zoo:mobilenetv2"
SIZE = 32
SIDES = {"height": SIZE, "width": SIZE}
FOUR_BLOCKS: Mapping[str, Any] = {"width": 0.5, "stages": [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2]]}
"""Half of the width, and one block of the published stages each."""

NARROW: Mapping[str, Any] = {"width": 0.25}
"""A quarter of the width, and all blocks."""


def mobilenetv2(
    classes: Sequence[str] | None, arguments: Mapping[str, Any] = FOUR_BLOCKS
) -> tuple[nn.Module, ModelSpec]:
    """Build the network; every call gives the same weights."""
    torch.manual_seed(0)
    return resolve_model(
        REFERENCE,
        arguments=dict(arguments),
        classes=None if classes is None else tuple(classes),
        contract_overrides=SIDES,
    )


def see(module: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Let the batch norms collect statistics of images; returns the network in evaluation mode."""
    module.train()
    with torch.no_grad():
        for images in batches:
            module(images)
    return module.eval()
