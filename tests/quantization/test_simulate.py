"""The simulated int8 network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.quantization.fold import fold_batch_norm
from edgecnn.quantization.graph import trace
from edgecnn.quantization.grids import is_safe, levels, weight_scales
from edgecnn.quantization.kernels import SCHEMES, Kernels, Scheme
from edgecnn.quantization.ranges import BLENDS, Range, estimate
from edgecnn.quantization.simulate import Simulator, activation_grid
from edgecnn.quantization.sqnr import sqnr_db
from tests.support.quantization_networks import graph_of, images, network


def _simulator(
    scheme: Scheme = "symmetric", reference: str = "zoo:mobilenetv2"
) -> tuple[nn.Module, Simulator]:
    module, _ = network(reference)
    graph = graph_of(reference)
    fold_batch_norm(module, graph)
    simulator = Simulator(module, graph, Kernels(scheme))
    seen = simulator.observe(images(12)).seen
    simulator.use(estimate(seen, simulator.points.outputs, 1.0))
    return module, simulator


@torch.no_grad()
def test_with_nothing_quantized_it_is_the_network_itself() -> None:
    module, simulator = _simulator()
    batch = images(5, 7)
    assert torch.allclose(simulator.run(batch, active=()), module(batch), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("reference", ["zoo:mobilenetv2", "zoo:mobilenetv3-small"])
def test_quantized_it_is_close_and_no_more(reference: str) -> None:
    module, simulator = _simulator(reference=reference)
    batch = images(16, 7)
    quality = sqnr_db(list(module(batch).numpy()), list(simulator.run(batch).numpy()))
    assert 12.0 < quality < 60.0


@torch.no_grad()
def test_one_layer_costs_less_than_all_and_all_but_one_no_more() -> None:
    module, simulator = _simulator()
    batch = images(16, 7)
    truth = list(module(batch).numpy())
    name = simulator.graph.layers[3].name
    every = frozenset[str]().union(*simulator.points.operations.values())
    alone, whole = (
        sqnr_db(truth, list(simulator.run(batch, active=active).numpy())) for active in ({name}, every)
    )
    assert alone > whole
    assert torch.equal(simulator.run(batch, active=every), simulator.run(batch))


@torch.no_grad()
@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_are_safe_points_of_the_scheme_s_grid(scheme: Scheme) -> None:
    _, simulator = _simulator(scheme)
    for layer in simulator.graph.layers:
        name, depthwise = simulator.placeholder(layer.weight), layer.kind == "depthwise"
        held = simulator.state[name].numpy()
        scales = weight_scales(held, scheme, depthwise=depthwise)
        grid = levels(simulator.weights[name].numpy(), scales)
        assert is_safe(grid, scheme, depthwise=depthwise), layer.name
        shaped = scales.reshape(-1, *(1,) * (held.ndim - 1))
        assert np.array_equal(grid * shaped, simulator.weights[name].numpy()), layer.name


@torch.no_grad()
def test_activations_are_rounded_as_torch_rounds_them() -> None:
    _, simulator = _simulator()
    values = torch.randn(4, 16, 8, 8) * 5
    node = simulator.graph.layers[0].output
    scale, zero = simulator.grids[simulator.points.grid[node]]
    want = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, 255)
    assert torch.allclose(simulator.quantize(values, node), want, atol=scale * 1e-3)


@torch.no_grad()
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6()])
@pytest.mark.parametrize("top", [0.7, 3.3, 6.0, 9.1])
def test_clips_are_computed_on_the_grid_with_the_same_bits(activation: nn.Module, top: float) -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), activation, nn.Conv2d(8, 2, 1))
    graph = trace(module, images(1))
    simulator = Simulator(module, graph, Kernels("symmetric"))
    node = next(node for node in graph.program.graph.nodes if node.name == graph.layers[0].output)
    (source,) = node.all_input_nodes
    for low in (0.0, -0.4):
        simulator.use({node.name: Range(low, top)})
        sums = 4 * torch.randn(16, 8, 30, 30)
        want = simulator.quantize(activation(sums), node.name)
        assert torch.equal(simulator.written(node, {source.name: sums}), want)


def test_a_grid_holds_zero_and_its_range() -> None:
    scale, zero = activation_grid(Range(0.5, 2.0))
    assert zero == 0
    assert scale * 255 == pytest.approx(2.0)
    scale, zero = activation_grid(Range(-3.0, -1.0))
    assert zero == 255


@torch.no_grad()
def test_fitting_chooses_by_held_out_images() -> None:
    module, _ = network()
    fold_batch_norm(module, graph_of())
    simulator = Simulator(module, graph_of(), Kernels("symmetric"))
    choice = simulator.fit(images(18), simulator.observe(images(18)))
    assert set(choice.held_out_sqnr_db) == set(BLENDS)
    assert simulator.grids.keys() == choice.ranges.keys()
