"""Equalization: the same network, with channels that use the grid that they share."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgecnn.quantization.equalize import equalize
from edgecnn.quantization.extents import Extent
from edgecnn.quantization.fold import fold_batch_norm
from edgecnn.quantization.graph import Graph, trace
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.scalable_channels import find_shared_channels
from edgecnn.quantization.simulate import Simulator
from tests.support.quantization_networks import graph_of, images, network


def _extents(module: nn.Module, graph: Graph, batch: torch.Tensor) -> dict[str, Extent]:
    return Simulator(module, graph, Kernels("symmetric")).observe(batch).extents


@torch.no_grad()
@pytest.mark.parametrize(
    "reference",
    ["zoo:mobilenetv2", "zoo:mobilenetv3-small", "zoo:mobilenetv4-conv-small", "zoo:efficientnet-lite0"],
)
def test_the_network_computes_the_same(reference: str) -> None:
    module, _ = network(reference)
    graph, batch = graph_of(reference), images(16)
    fold_batch_norm(module, graph)
    before = module(batch)
    divisors = equalize(module, graph, _extents(module, graph, batch))
    assert any(float(divisor.min()) < 0.9 for divisor in divisors.values()), "nothing was scaled"
    assert float((module(batch) - before).abs().max()) < 1e-4 * float(before.abs().max())


def _expanded(activation: nn.Module) -> nn.Sequential:
    """A pointwise and a depthwise layer, whose channels between them differ by a factor of ten and more."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 1), activation, nn.Conv2d(6, 6, 3, groups=6), nn.ReLU(), nn.Conv2d(6, 4, 1)
    )
    with torch.no_grad():
        module.get_parameter("0.weight").mul_(
            torch.tensor([4.0, 1.0, 0.8, 0.6, 0.02, 0.0]).reshape(-1, 1, 1, 1)
        )
        module.get_parameter("0.bias").zero_()
    return module


@torch.no_grad()
def test_channels_before_a_depthwise_layer_become_even() -> None:
    module, batch = _expanded(nn.ReLU()), images(16)
    graph = trace(module, batch[:1])
    before = module(batch)
    equalize(module, graph, _extents(module, graph, batch))
    assert torch.allclose(module(batch), before, atol=1e-5)
    usual = _extents(module, graph, batch)[graph.layers[0].output].usual
    assert float(usual[:4].max() / usual[:4].min()) < 1.01
    assert float(usual[5]) == 0.0, "a dead channel stays dead"


@torch.no_grad()
def test_relu6_raises_channels_below_its_clip_and_leaves_clipped_ones() -> None:
    module, batch = _expanded(nn.ReLU6()), images(16)
    graph = trace(module, batch[:1])
    module.get_parameter("0.weight").mul_(8.0)
    before, weight = module(batch), module.get_parameter("0.weight").clone()
    free = _extents(module, graph, batch)[graph.layers[0].output].high < 4.5
    (first, *_) = equalize(module, graph, _extents(module, graph, batch)).values()
    assert torch.allclose(module(batch), before, atol=1e-4)
    assert float(first[0]) == 1.0
    assert torch.equal(module.get_parameter("0.weight")[0], weight[0]), (
        "a channel that is clipped must stay as it is"
    )
    assert (first <= 1.0).all(), "channels may only be raised"
    after = _extents(module, graph, batch)[graph.layers[0].output].high
    assert bool((after[free] < 6.0).all()), "a margin must be left below the clip"
    assert bool((first[free] < 1.0).any())


@torch.no_grad()
def test_hard_swish_passes_no_factor_on() -> None:
    module, batch = _expanded(nn.Hardswish()), images(16)
    groups = find_shared_channels(trace(module, batch[:1]))
    assert [group.writers[0].name for group in groups] == ["2"]


def test_layers_around_an_addition_share_their_channels() -> None:
    groups = find_shared_channels(graph_of())
    residual = [group for group in groups if len(group.writers) > 1]
    assert [[layer.name for layer in group.writers] for group in residual] == [
        ["features.2.conv.2", "features.3.conv.2"]
    ]
    assert not residual[0].clipped


@torch.no_grad()
def test_a_network_that_is_dead_throughout_is_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    nn.init.constant_(module.get_parameter("0.bias"), -1e6)
    graph, weight = trace(module, images(1)), module.get_parameter("0.weight").clone()
    (divisor,) = equalize(module, graph, _extents(module, graph, images(8))).values()
    assert torch.equal(divisor, torch.ones(4))
    assert torch.equal(module.get_parameter("0.weight"), weight)
