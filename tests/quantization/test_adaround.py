"""AdaRound: one layer's choice, and whole networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgecnn.quantization.adaround import AdaRound
from edgecnn.quantization.bias_correction import apply
from edgecnn.quantization.fold import fold_batch_norm
from edgecnn.quantization.grids import is_safe, weight_scales
from edgecnn.quantization.kernels import SCHEMES, Kernels, Scheme
from edgecnn.quantization.layer_by_layer import walk
from edgecnn.quantization.ranges import estimate
from edgecnn.quantization.rounding import RoundingProblem, optimize
from edgecnn.quantization.simulate import Simulator
from edgecnn.quantization.sqnr import sqnr_db
from tests.support.quantization_networks import graph_of, images, network


def _problem(activation: str = "none", groups: int = 1) -> RoundingProblem:
    """A layer whose inputs go together, so that the errors of several weights may cancel."""
    random = torch.Generator().manual_seed(0)
    common = torch.randn(groups, 2000, 3, generator=random) @ torch.randn(groups, 3, 40, generator=random)
    inputs = common + 0.1 * torch.randn(groups, 2000, 40, generator=random)
    weights = torch.randn(groups, 6, 40, generator=random)
    scale = weights.abs().amax(dim=2, keepdim=True) / 7
    bias = torch.zeros(groups, 1, 6)
    return RoundingProblem(inputs, inputs @ weights.transpose(1, 2), weights / scale, scale, bias, activation)


@torch.no_grad()
@pytest.mark.parametrize("activation", ["none", "relu6", "hardswish"])
@pytest.mark.parametrize("groups", [1, 3])
def test_the_choice_is_far_better_than_rounding_to_nearest(activation: str, groups: int) -> None:
    problem = _problem(activation, groups)
    levels, result = optimize(problem, 400, torch.Generator().manual_seed(1))
    assert result.error < 0.5 * result.nearest_error
    assert 0.0 < result.flipped < 0.6
    assert torch.equal(levels, levels.round()), "levels must be whole"
    assert ((levels - problem.steps).abs() < 1.0).all(), "a weight may move to a neighbour only"


@torch.no_grad()
def test_without_iterations_it_is_rounding_to_nearest() -> None:
    problem = _problem()
    levels, result = optimize(problem, 0, torch.Generator())
    assert torch.equal(levels, problem.steps.round())
    assert (result.flipped, result.error) == (0.0, result.nearest_error)


@torch.no_grad()
def test_a_layer_that_answers_nothing_is_rounded_to_nearest() -> None:
    problem = _problem("relu")
    dead = RoundingProblem(
        problem.inputs, problem.targets, problem.steps, problem.scale, problem.bias - 1e6, "relu"
    )
    levels, result = optimize(dead, 50, torch.Generator())
    assert torch.equal(levels, problem.steps.round())
    assert (result.nearest_error, result.error) == (0.0, 0.0)


@torch.no_grad()
def _rounded(scheme: Scheme, seed: int = 0) -> tuple[Simulator, AdaRound, float, float]:
    module, _ = network()
    graph = graph_of()
    fold_batch_norm(module, graph)
    simulator = Simulator(module, graph, Kernels(scheme))
    seen = simulator.observe(images(16)).seen
    simulator.use(estimate(seen, simulator.points.outputs, 1.0))
    others = images(32, 5)
    truth = list(module(others).numpy())
    before = sqnr_db(truth, list(simulator.run(others).numpy()))
    done: list[int] = []
    rounding = AdaRound(simulator, iterations=30, seed=seed, progress=done.append)
    apply(module, graph, walk(simulator, images(16), rounding))
    simulator.state = graph.state(module)
    assert done == list(range(1, len(graph.layers) + 1))
    return simulator, rounding, before, sqnr_db(truth, list(simulator.run(others).numpy()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_network_is_better_and_its_weights_lie_on_a_safe_grid(scheme: Scheme) -> None:
    simulator, rounding, before, after = _rounded(scheme)
    assert after > before + 1.0
    for layer in simulator.graph.layers:
        weight = simulator.weights[simulator.placeholder(layer.weight)].numpy()
        scale = rounding.scales[layer.name].numpy()
        steps = weight / scale.reshape(-1, *(1,) * (weight.ndim - 1))
        depthwise = layer.kind == "depthwise"
        assert np.abs(steps - np.rint(steps)).max() < 1e-4, f"{layer.name} is off its grid"
        assert is_safe(np.rint(steps), scheme, depthwise=depthwise), f"{layer.name} could saturate"
        if scheme == "symmetric":
            again = weight_scales(weight, scheme, depthwise=depthwise)
            assert np.allclose(again, scale, rtol=1e-6), (
                f"a quantizer would find another scale for {layer.name}"
            )
        assert rounding.results[layer.name].error <= rounding.results[layer.name].nearest_error


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again, other = (_rounded("pairs-c", seed)[0].weights for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
