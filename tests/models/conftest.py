"""Fixtures of the model tests: small networks, published weights, a look at what a network computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from edgecnn.core.errors import MissingDependency
from edgecnn.models.fetch import fetch
from edgecnn.models.spec import ModelSpec
from tests.support.mobilenetv2 import NARROW, mobilenetv2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Network = tuple[nn.Module, ModelSpec]


@pytest.fixture
def small_network() -> Network:
    """A MobileNetV2 of width 0.25 for 3 classes at 32 px, with batch-norm statistics of its own."""
    module, spec = mobilenetv2("abc", NARROW)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean = torch.rand(layer.num_features) - 0.5
            layer.running_var = torch.rand(layer.num_features) + 0.5
    return module, spec


@pytest.fixture(scope="session")
def published() -> Callable[[str], Path]:
    """Fetch published weights into the user's cache, once a machine; skip where they are out of reach."""

    def get(reference: str) -> Path:
        try:
            return fetch(reference)
        except MissingDependency as error:
            pytest.skip(f"{error.message}")

    return get


@pytest.fixture
def outputs_of() -> Callable[[nn.Module, ModelSpec], Tensor]:
    """Return the logits of two random images of a network's size."""

    def run(module: nn.Module, spec: ModelSpec) -> Tensor:
        generator, contract = torch.Generator().manual_seed(0), spec.contract
        images = torch.randn(2, contract.channels, contract.height, contract.width, generator=generator)
        with torch.inference_mode():
            logits: Tensor = module.eval()(images)
        return logits

    return run
