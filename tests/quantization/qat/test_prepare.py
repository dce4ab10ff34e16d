from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from edgecnn.core.errors import InputError
from edgecnn.quantization.qat.prepare import prepare
from tests.support.quantization_networks import images, network

if TYPE_CHECKING:
    from edgecnn.quantization.qat.network import GraphNetwork

LITE, V2, V3 = "zoo:efficientnet-lite0", "zoo:mobilenetv2", "zoo:mobilenetv3-small"


def norms_of(prepared: GraphNetwork) -> set[tuple[float, float]]:
    """Return momentum and eps of every batch norm in the graph."""
    calls = prepared.graph.graph.find_nodes(op="call_function", target=torch.ops.aten.batch_norm.default)
    return {(node.args[6], node.args[7]) for node in calls}


@pytest.mark.parametrize("reference", [LITE, V3])
def test_batch_norm_keeps_eps_and_momentum_through_every_switch(reference: str) -> None:
    module, _ = network(reference)
    expected = {
        (layer.momentum, layer.eps) for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)
    }
    assert expected == {(0.01, 1e-3)}, "a network with torch's defaults would prove nothing"
    prepared = prepare(module, images(1), "symmetric")
    for switch in (prepared.train, prepared.eval, prepared.freeze_statistics, prepared.train):
        switch()
        assert norms_of(prepared) == expected


def test_statistics_of_a_step_are_those_of_the_network() -> None:
    module, _ = network(V3)
    prepared = prepare(module, images(1), None)
    batch = images(8, seed=5)
    own = copy.deepcopy(module).train()
    for layer in own.modules():
        if isinstance(layer, nn.Dropout) or type(layer).__name__ in ("DropPath", "StochasticDepth"):
            layer.eval()
    own(batch)
    prepared.train()(batch)
    names = [name for name, _ in own.named_buffers() if "running" in name]
    moved = prepared.parameters_and_buffers(set(names))
    for name in names:
        assert torch.allclose(moved[name], own.get_buffer(name), rtol=1e-3, atol=1e-5), name


def test_control_computes_what_the_network_computes() -> None:
    module, _ = network(V3)
    prepared = prepare(module, images(1), None)
    assert not prepared.fake_quantizes()
    with torch.no_grad():
        for count in (1, 5):
            assert torch.allclose(prepared(images(count)), module(images(count)), atol=1e-6)


def test_network_is_left_alone() -> None:
    module, _ = network(V2)
    before = copy.deepcopy(module.state_dict())
    prepared = prepare(module, images(1), "pair-safe").train()
    prepared(images(4)).sum().backward()
    with torch.no_grad():
        for parameter in prepared.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


class Dead(nn.Module):
    """A network with dead channels: a gamma of zero, and a ReLU that never opens."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)
        with torch.no_grad():
            self.norm.weight[0] = 0.0
            self.norm.bias[1] = -100.0

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(torch.relu(self.norm(self.conv(pixels))).mean((2, 3)))  # type: ignore[no-any-return]


def test_dead_channels_stay_finite() -> None:
    prepared = prepare(Dead(), images(1), "pair-safe").train()
    prepared(images(4)).sum().backward()
    for name, parameter in prepared.named_parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all(), name


class Branching(nn.Module):
    """A network that looks at its input to decide what to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.conv(pixels if pixels.sum() > 0 else -pixels).mean((2, 3))  # type: ignore[no-any-return]


class SingleImages(nn.Module):
    """A network whose code fixes the batch at one image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.conv(pixels.reshape(1, 3, 32, 32)).mean((2, 3))  # type: ignore[no-any-return]


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(InputError, match="Branching cannot be traced"):
        prepare(Branching(), images(1), "symmetric")
    with pytest.raises(InputError, match="cannot be trained in batches"):
        prepare(SingleImages(), images(1), "symmetric")
    damaged, _ = network(V2)
    with torch.no_grad():
        damaged.get_parameter("features.1.conv.0.0.weight")[0] = torch.nan
    with pytest.raises(InputError, match=r"features\.1\.conv\.0\.0\.weight holds values that are not finite"):
        prepare(damaged, images(1), "symmetric")
