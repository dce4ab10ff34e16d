"""Small networks for the tests of algorithms; their batch norms have statistics of their own."""

from __future__ import annotations

import copy
import functools

import torch
from torch import Tensor, nn

from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec import ModelSpec
from edgecnn.quantization.graph import Graph, trace

SIZE = 32
STAGES = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2]]
MOBILENETV2 = "zoo:mobilenetv2"


def images(count: int = 4, seed: int = 0) -> Tensor:
    """Smooth noise with a level of its own an image, float32 ``[N, 3, 32, 32]``."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, SIZE // 4, SIZE // 4, generator=random)
    level = torch.randn(count, 3, 1, 1, generator=random)
    return nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear") + 0.5 * level


def network(reference: str = MOBILENETV2) -> tuple[nn.Module, ModelSpec]:
    """A small network of the zoo whose batch norms have seen images; a copy of its own for each call."""
    module, spec = _made(reference)
    return copy.deepcopy(module), spec


@functools.cache
def _made(reference: str) -> tuple[nn.Module, ModelSpec]:
    torch.manual_seed(0)
    arguments = {"width": 0.5, "stages": STAGES} if reference == MOBILENETV2 else {}
    if reference.startswith(("zoo:mobilenetv3", "zoo:efficientnet")):
        arguments = {"width": 0.25}
    module, spec = resolve_model(
        reference,
        arguments=arguments,
        classes=tuple("abcdefgh"),
        contract_overrides={"height": SIZE, "width": SIZE},
    )
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0.0, 0.3)
    module.train()
    with torch.no_grad():
        for seed in range(8):
            module(images(8, 100 + seed))
    return module.eval(), spec


@functools.cache
def graph_of(reference: str = MOBILENETV2) -> Graph:
    """The trace of :func:`network`; it depends on no weight."""
    module, _ = network(reference)
    return trace(module, images(1))
