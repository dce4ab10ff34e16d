"""Tests of the int8 tensors that the quantizer marks in the prepared graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.quantization.qat.prepare import prepare
from tests.support.quantization_networks import images, network

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.quantization.qat.network import GraphNetwork


class Graph(nn.Module):
    """Two convolutions and whatever a test does with them."""

    def __init__(self, forward: Callable[[Graph, Tensor], Tensor]) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, padding=1)
        self.two = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.run = forward

    def forward(self, pixels: Tensor) -> Tensor:
        return self.run(self, pixels).mean((2, 3))


def rounded(forward: Callable[[Graph, Tensor], Tensor]) -> tuple[GraphNetwork, dict[str, int]]:
    """Prepare such a network; return it, and the identity of the range of every operation that is rounded."""
    prepared = prepare(Graph(forward), images(1), "symmetric")
    places = prepared.fake_quantizes()
    nodes = {node.name: node for node in prepared.graph.graph.nodes}
    return prepared, {nodes[place].all_input_nodes[0].name: id(module) for place, module in places.items()}


def test_convolution_batch_norm_and_relu_are_one_kernel() -> None:
    _, ranges = rounded(lambda self, x: torch.relu(self.norm(self.one(x))))
    assert set(ranges) == {"pixels", "relu", "mean"}


def test_addition_and_relu_are_one_kernel_and_share_their_input() -> None:
    _, ranges = rounded(lambda self, x: functional.relu6(self.one(x) + self.two(x)))
    assert set(ranges) == {"pixels", "conv2d", "conv2d_1", "relu6", "mean"}


def test_activation_that_a_kernel_does_not_fuse_has_two_ranges() -> None:
    _, ranges = rounded(lambda self, x: functional.hardswish(self.norm(self.one(x))))
    assert set(ranges) == {"pixels", "batch_norm", "hardswish", "mean"}


def test_operations_that_move_values_keep_the_range() -> None:
    def forward(self: Graph, pixels: Tensor) -> Tensor:
        padded = functional.pad(torch.relu(self.one(pixels)), (0, 1, 0, 1))
        pooled = functional.max_pool2d(padded, 3)
        return functional.interpolate(pooled, scale_factor=2.0, mode="nearest")

    _, ranges = rounded(forward)
    assert len({ranges[name] for name in ("relu", "pad", "max_pool2d", "upsample_nearest2d")}) == 1
    assert ranges["mean"] != ranges["relu"]


def test_concatenation_shares_one_range() -> None:
    _, ranges = rounded(lambda self, x: torch.cat([torch.relu(self.one(x)), self.two(x)], dim=1))
    assert ranges["cat"] == ranges["relu"] == ranges["conv2d_1"]


def test_range_that_is_shared_has_one_name_in_the_state() -> None:
    prepared, _ = rounded(lambda self, x: torch.cat([self.one(x), self.two(x)], dim=1))
    memory = [value.data_ptr() for value in prepared.state_dict().values()]
    assert len(memory) == len(set(memory)), "a moving average would meet a shared range twice"


def test_squeeze_and_excitation_is_rounded_throughout() -> None:
    module, _ = network("zoo:mobilenetv3-small")
    prepared = prepare(module, images(1), "symmetric")
    nodes = list(prepared.graph.graph.nodes)
    places = {node.all_input_nodes[0] for node in nodes if node.name in prepared.fake_quantizes()}
    for kind in ("hardsigmoid", "mul", "adaptive_avg_pool2d", "hardswish", "add"):
        found = [node for node in nodes if str(node.target).startswith(f"aten.{kind}")]
        assert found, kind
        assert all(node in places for node in found), f"a {kind} is left in float"
    weights = [node for node in nodes if str(node.target) in ("aten.conv2d.default", "aten.linear.default")]
    assert all(node.args[1].op == "call_module" for node in weights), "a layer has float weights"
