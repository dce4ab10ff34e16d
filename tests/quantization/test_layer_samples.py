"""Samples of layers: what they hold must give the layer's own outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgecnn.quantization.execution import compute
from edgecnn.quantization.graph import trace
from edgecnn.quantization.layer_by_layer import Turn
from edgecnn.quantization.layer_samples import Samples, sample


def _samples(module: nn.Module, inputs: Tensor, count: int, seed: int = 0) -> tuple[Samples, Tensor]:
    graph = trace(module, inputs[:1])
    (layer,) = graph.layers
    node = next(node for node in graph.program.graph.nodes if node.name == layer.node)
    parts = list(torch.split(inputs, 3))
    state = graph.state(module)
    sums = [compute(node, {**state, node.all_input_nodes[0].name: part}) for part in parts]
    weight = module.get_parameter("weight").detach()
    return sample(Turn(layer, node, parts, sums), weight, count, torch.Generator().manual_seed(seed)), weight


@torch.no_grad()
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 8, 1),
        nn.Conv2d(6, 8, 1, stride=2, bias=False),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.Conv2d(6, 8, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
        nn.Conv2d(6, 8, 3, padding="same", dilation=2),
        nn.Conv2d(6, 8, 2, padding="same"),
        nn.Conv2d(6, 8, 3, padding="valid"),
        nn.Conv2d(6, 8, 3, groups=2, padding=1),
        nn.Conv2d(6, 6, 5, groups=6, padding=2, stride=2),
        nn.Conv2d(6, 12, 3, groups=6),
    ],
    ids=str,
)
def test_patches_times_weights_are_the_convolution_s_outputs(layer: nn.Conv2d) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(7, 6, 9, 11)
    samples, weight = _samples(layer, inputs, 140)
    grouped = weight.reshape(layer.groups, len(weight) // layer.groups, -1)
    products = samples.inputs @ grouped.transpose(1, 2)
    if layer.bias is not None:
        products = products + layer.bias.reshape(layer.groups, 1, -1)
    assert samples.inputs.shape[:2] == (layer.groups, 140)
    assert torch.allclose(products, samples.targets, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("shape", [(7, 5), (7, 4, 5)])
def test_rows_of_a_fully_connected_layer(shape: tuple[int, ...]) -> None:
    layer = nn.Linear(5, 3)
    samples, weight = _samples(layer, torch.randn(shape), 14)
    assert samples.inputs.shape[1] == min(14, torch.Size(shape[:-1]).numel())
    assert torch.allclose(samples.inputs[0] @ weight.T + layer.bias, samples.targets[0], atol=1e-6)


@torch.no_grad()
def test_the_same_seed_takes_the_same_samples_and_another_others() -> None:
    torch.manual_seed(0)
    layer, inputs = nn.Conv2d(6, 8, 1), torch.randn(4, 6, 9, 9)
    first, again, other = (_samples(layer, inputs, 40, seed)[0].inputs for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
