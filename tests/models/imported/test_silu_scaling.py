"""SiLUs of an imported network, written out so that channels of different sizes can share a range."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from edgecnn.backends.kernels import kernels_of
from edgecnn.models.imported.gates import find_gates
from edgecnn.models.imported.graph import ImportedGraph, ImportedNode
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.silu_scaling import even_out
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract
from edgecnn.quantization.calibrated import Calibrated
from edgecnn.quantization.graph import trace
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.ranges import GATE_LIMIT, SIGMOID_LIMIT, Observations, Range, estimate
from edgecnn.quantization.sensitivity import leave_entry_in_float
from edgecnn.quantization.simulate import Simulator
from edgecnn.quantization.sqnr import sqnr_db
from tests.support.quantization_networks import images, network


def _conv(name: str, source: str, out: int, into: int, kernel: int = 3, group: int = 1) -> ImportedNode:
    attributes: dict[str, Any] = {"group": group, "pads": [kernel // 2] * 4}
    shapes = {"weight": (out, into // group, kernel, kernel), "bias": (out,)}
    return ImportedNode(
        operator="Conv",
        name=name,
        inputs=(source,),
        outputs=(f"{name}_out",),
        attributes=attributes,
        weights=shapes,
    )


def _silu(name: str, source: str) -> ImportedNode:
    return ImportedNode(operator="Silu", name=name, inputs=(source,), outputs=(f"{name}_out",))


GRAPH = ImportedGraph(
    input="images",
    outputs=("head_out",),
    nodes=(
        _conv("stem", "images", 16, 3),
        _silu("first", "stem_out"),
        _conv("depthwise", "first_out", 16, 16, group=16),
        _silu("second", "depthwise_out"),
        _conv("pointwise", "second_out", 8, 16, kernel=1),
        _silu("third", "pointwise_out"),
        ImportedNode(operator="Add", name="sum", inputs=("third_out", "pointwise_out"), outputs=("sum_out",)),
        _conv("head", "sum_out", 4, 8, kernel=1),
    ),
)


@pytest.fixture
def uneven() -> tuple[ImportedNetwork, ModelSpec]:
    """One channel of the stem is a hundred times as large as the others, and its weights behind as small."""
    torch.manual_seed(0)
    module = ImportedNetwork(GRAPH).eval()
    state = module.state_dict()
    sizes = torch.ones(16)
    sizes[5] = 100.0
    state["stem.weight"] *= sizes.reshape(-1, 1, 1, 1)
    state["stem.bias"] *= sizes
    state["depthwise.weight"] /= sizes.reshape(-1, 1, 1, 1)
    module.load_state_dict(state)
    spec = ModelSpec(
        builder="onnx:test",
        contract=Contract(32, 32),
        classes=("one",),
        arguments={"graph": GRAPH.to_json()},
    )
    return module, spec


def test_only_silus_between_convolutions_can_be_written_out() -> None:
    assert [gate.silu.name for gate in find_gates(GRAPH)] == ["first", "second"]


def test_the_network_computes_what_it_did_and_survives_as_data(
    uneven: tuple[ImportedNetwork, ModelSpec],
) -> None:
    module, spec, names = even_out(*uneven, images(4))
    assert "first" in names
    again = ImportedNetwork(ImportedGraph.from_json(spec.arguments["graph"])).eval()
    again.load_state_dict(module.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(again(images(2)), uneven[0](images(2)), rtol=1e-4, atol=1e-4)


def test_int8_recovers_what_the_large_channel_cost(uneven: tuple[ImportedNetwork, ModelSpec]) -> None:
    plain = _quality(uneven[0])
    even = _quality(even_out(*uneven, images(16))[0])
    assert even > plain + 6, f"{plain:.1f} dB before, {even:.1f} dB after"


def _quality(module: Any) -> float:
    with torch.no_grad():
        simulator = Simulator(module, trace(module, images(1)), Kernels("symmetric"))
        return _fitted(simulator)


def test_even_channels_and_other_networks_are_left_alone(uneven: tuple[ImportedNetwork, ModelSpec]) -> None:
    torch.manual_seed(0)
    module = ImportedNetwork(GRAPH).eval()
    for layer in ("stem", "depthwise"):
        kernel = module.get_parameter(f"{layer}.weight").detach()
        kernel.copy_(torch.roll(kernel[:1], 0).expand_as(kernel))
    assert even_out(module, uneven[1], images(4))[2] == ()
    other, spec = network()
    assert even_out(other, spec, images(2)) == (other, spec, ())


def test_what_only_a_sigmoid_reads_is_cut_where_the_sigmoid_ends(
    uneven: tuple[ImportedNetwork, ModelSpec],
) -> None:
    module, _, _ = even_out(*uneven, images(4))
    with torch.no_grad():
        simulator = Simulator(module, trace(module, images(1)), Kernels("symmetric"))
        seen = simulator.observe(30 * images(4)).seen
    cut = [
        name for name, high in zip(seen.names, seen.high.max(axis=0), strict=True) if high == SIGMOID_LIMIT
    ]
    assert cut, "the argument of the sigmoid reaches far beyond it"
    assert seen.high.max() > SIGMOID_LIMIT, "and nothing else is cut"


def test_a_known_range_replaces_what_was_seen() -> None:
    seen = Observations.gather(
        [{"a": (1.0, 200.0), "b": (0.0, 1.0)}], {"a": [np.array([1, 200], np.float32)]}
    )
    known = seen.with_range("a", Range(0.0, 255.0))
    assert estimate(known, (), 0.0) == {"a": Range(0.0, 255.0), "b": Range(0.0, 1.0)}
    assert estimate(replace(known), (), "mse")["a"] == Range(0.0, 255.0)
    assert seen.with_range("absent", Range(0.0, 1.0)) is seen


def test_what_gates_alone_read_is_cut_below_in_the_simulation(
    uneven: tuple[ImportedNetwork, ModelSpec],
) -> None:
    module, _, names = even_out(*uneven, images(4))
    assert names
    with torch.no_grad():
        simulator = Simulator(module, trace(module, images(1)), Kernels("symmetric"))
        seen = simulator.observe(-30 * images(4)).seen
    reach = dict(zip(seen.names, zip(seen.low.min(axis=0), seen.high.max(axis=0), strict=True), strict=True))
    floors = {name: low for name, (low, high) in reach.items() if low == -max(GATE_LIMIT, high)}
    assert len(floors) >= 2, f"each gate's argument before its scale is cut: {reach}"


@pytest.mark.parametrize("isa", ["any", "x86-64-avx2", "x86-64-avx512-vnni", "arm64", "armv7"])
def test_openvino_computes_silu_in_float_and_has_a_range_a_channel_for_depthwise_layers(
    isa: str, uneven: tuple[ImportedNetwork, ModelSpec]
) -> None:
    module, _ = uneven
    graph = trace(module, images(1))
    with torch.no_grad():
        simulators = {name: Simulator(module, graph, kernels_of(name, isa)) for name in ("onnx", "openvino")}
        quality = {name: _fitted(simulator) for name, simulator in simulators.items()}
    stem = graph["stem"]
    assert stem.node in simulators["onnx"].points.grid
    assert stem.node not in simulators["openvino"].points.grid
    assert quality["openvino"] > quality["onnx"] + 6, "the large channel has a range of its own"


def test_an_entry_that_loses_much_is_left_in_float_with_what_lies_between(
    uneven: tuple[ImportedNetwork, ModelSpec],
) -> None:
    module, spec = uneven
    graph, batch = trace(module, images(1)), images(16)
    with torch.no_grad():
        simulator = Simulator(module, graph, Kernels("symmetric"))
        observed, labels = simulator.observe(batch), torch.full((16,), -1)
        opened = Calibrated(module, spec, graph, simulator, batch, labels, observed, "", (), ())
        before = _fitted(simulator)
        assert leave_entry_in_float(opened, 3)[:2] == ["stem", "depthwise"]
        after = sqnr_db(list(opened.truth.numpy()), list(simulator.run(batch).numpy()))
    assert after > before + 6, f"{before:.1f} dB before, {after:.1f} dB after"
    value = torch.randn(1, 16, 8, 8)
    assert torch.equal(simulator.quantize(value, graph["stem"].node), value), "what lies between is float too"


def _fitted(simulator: Simulator) -> float:
    observed = simulator.observe(images(16))
    simulator.use(estimate(observed.seen, simulator.points.outputs, 1.0))
    return sqnr_db(list(observed.outputs.numpy()), list(simulator.run(images(16)).numpy()))
