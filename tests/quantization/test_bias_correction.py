"""Bias correction, fast and full."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from edgecnn.backends.kernels import kernels_of
from edgecnn.quantization import layer_by_layer
from edgecnn.quantization.bias_correction import apply, correct_fully, correct_quickly
from edgecnn.quantization.fold import fold_batch_norm, read_bias, tensors
from edgecnn.quantization.graph import trace
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.layer_by_layer import walk
from edgecnn.quantization.ranges import estimate
from edgecnn.quantization.simulate import Simulator
from edgecnn.quantization.sqnr import sqnr_db
from tests.support.quantization_networks import graph_of, images, network


def _fitted(module: nn.Module, simulator: Simulator, extremes: float = 1.0) -> Simulator:
    seen = simulator.observe(images(16)).seen
    simulator.use(estimate(seen, simulator.points.outputs, extremes))
    return simulator


@torch.no_grad()
@pytest.mark.parametrize("correct", [correct_quickly, correct_fully])
def test_the_quantized_network_is_better_on_other_images(
    correct: Callable[[Simulator, Tensor], dict[str, Tensor]],
) -> None:
    module, _ = network()
    graph = graph_of()
    fold_batch_norm(module, graph)
    simulator = _fitted(module, Simulator(module, graph, kernels_of("openvino", "any")))
    others = images(32, 5)
    truth = list(module(others).numpy())
    before = sqnr_db(truth, list(simulator.run(others).numpy()))
    added = correct(simulator, images(16))
    apply(module, graph, added)
    simulator.state = graph.state(module)
    after = sqnr_db(truth, list(simulator.run(others).numpy()))
    assert added.keys() == {layer.name for layer in graph.layers}
    assert after > before + 1.0


@torch.no_grad()
def test_full_correction_leaves_no_typical_difference_at_the_outputs() -> None:
    module, _ = network()
    graph = graph_of()
    fold_batch_norm(module, graph)
    simulator = _fitted(module, Simulator(module, graph, Kernels("symmetric")))
    truth = module(images(16))
    before = simulator.run(images(16))
    apply(module, graph, correct_fully(simulator, images(16)))
    simulator.state = graph.state(module)
    after = simulator.run(images(16))
    assert (after - truth).mean(dim=0).abs().mean() < 0.5 * (before - truth).mean(dim=0).abs().mean()


@torch.no_grad()
@pytest.mark.parametrize("few", [0, 1 << 20])
def test_the_float_network_may_be_executed_ahead(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corrections are the same bits as those of both networks side by side, operation by operation."""
    module, _ = network()
    graph = graph_of()
    fold_batch_norm(module, graph)
    simulator = _fitted(module, Simulator(module, graph, Kernels("symmetric")))
    want = walk(
        simulator, images(100), lambda turn: simulator.weights[simulator.placeholder(turn.layer.weight)]
    )
    monkeypatch.setattr(layer_by_layer, "_FEW_BYTES", few)
    have = walk(simulator, images(100))
    assert have.keys() == want.keys()
    assert all(torch.equal(have[name], want[name]) for name in want)


@torch.no_grad()
def test_rare_values_that_a_range_cuts_do_not_shift_the_rest() -> None:
    """One position in a hundred is far outside the range; the typical position must stay right."""
    module = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1))
    for name in ("0.weight", "1.weight"):
        nn.init.ones_(module.get_parameter(name))
    nn.init.zeros_(module.get_parameter("1.bias"))
    graph = trace(module, torch.zeros(1, 1, 10, 10))
    simulator = Simulator(module, graph, Kernels("symmetric"))
    values = torch.rand(8, 1, 10, 10)
    values[:, :, 3, 3] = 1000.0
    seen = simulator.observe(torch.rand(8, 1, 10, 10)).seen
    simulator.use(estimate(seen, (), 1.0))
    (shift,) = correct_fully(simulator, values).values()
    assert float(shift.abs()) < 0.01


@torch.no_grad()
def test_a_layer_without_a_place_for_a_bias_is_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 2, 3))
    graph = trace(module, images(1))
    simulator = _fitted(module, Simulator(module, graph, Kernels("symmetric")))
    for correct in (correct_quickly, correct_fully):
        added = correct(simulator, images(16))
        assert added.keys() == {"2"}
        apply(module, graph, added)
    assert read_bias(tensors(module), graph["0"]) is None


@torch.no_grad()
def test_the_fast_form_expects_what_convolutions_compute() -> None:
    """Without padding and with constant images, the expected error is the error."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(6 * 16, 3))
    constant = torch.randn(1, 4, 1, 1).expand(8, 4, 6, 6).contiguous()
    graph = trace(module, constant[:1])
    simulator = Simulator(module, graph, Kernels("symmetric"))
    want = module[0](constant)
    quantized = simulator.weights[simulator.placeholder("0.weight")]
    have = nn.functional.conv2d(constant, quantized, module.get_parameter("0.bias"), groups=2)
    added = correct_quickly(simulator, constant)
    assert torch.allclose(have + added["0"][:, None, None], want, atol=1e-5)
