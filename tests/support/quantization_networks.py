"""Small networks for the tests of algorithms; their batch norms have statistics of their own."""

from __future__ import annotations

import copy
import functools

import torch
from torch import Tensor, nn

from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec import ModelSpec
from edgecnn.quantization.graph import Graph, trace
from tests.support.mobilenetv2 import REFERENCE, SIDES, SIZE, mobilenetv2, see

CLASSES = "abcdefgh"


def images(count: int = 4, seed: int = 0) -> Tensor:
    """Smooth noise with a level of its own an image, float32 ``[N, 3, 32, 32]``."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, SIZE // 4, SIZE // 4, generator=random)
    level = torch.randn(count, 3, 1, 1, generator=random)
    return nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear") + 0.5 * level


def network(reference: str = REFERENCE) -> tuple[nn.Module, ModelSpec]:
    """A small network of the zoo whose batch norms have seen images; a copy of its own for each call."""
    module, spec = _made(reference)
    return copy.deepcopy(module), spec


@functools.cache
def _made(reference: str) -> tuple[nn.Module, ModelSpec]:
    if reference == REFERENCE:
        module, spec = mobilenetv2(CLASSES)
    else:
        torch.manual_seed(0)
        narrow = reference.startswith(("zoo:mobilenetv3", "zoo:efficientnet"))
        module, spec = resolve_model(
            reference,
            arguments={"width": 0.25} if narrow else {},
            classes=tuple(CLASSES),
            contract_overrides=SIDES,
        )
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0.0, 0.3)
    return see(module, (images(8, 100 + seed) for seed in range(8))), spec


@functools.cache
def graph_of(reference: str = REFERENCE) -> Graph:
    """The trace of :func:`network`; it depends on no weight."""
    module, _ = network(reference)
    return trace(module, images(1))
