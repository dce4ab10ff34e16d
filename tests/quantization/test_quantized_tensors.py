"""Tests of the quantized tensors and of the grids that they share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgecnn.quantization.graph import trace
from edgecnn.quantization.quantized_tensors import quantization_points
from tests.support.quantization_networks import graph_of, images


def test_a_layer_is_quantized_once_after_its_activation() -> None:
    graph = graph_of()
    points = quantization_points(graph)
    for layer in graph.layers:
        assert layer.output in points.grid, f"{layer.name} writes no quantized tensor"
        assert layer.node == layer.output or layer.node not in points.grid
        assert layer.name in points.operations[points.grid[layer.output]]


def test_a_grid_knows_who_touches_it() -> None:
    graph = graph_of()
    points = quantization_points(graph)
    first = points.operations[points.grid[graph.layers[0].output]]
    assert first == {graph.layers[0].name, graph.layers[1].name}
    assert points.operations[graph.input] == {graph.layers[0].name}
    assert points.outputs == {points.grid[graph.layers[-1].output]}


def test_hard_swish_writes_a_tensor_of_its_own() -> None:
    graph = graph_of("zoo:mobilenetv3-small")
    points = quantization_points(graph)
    stem = graph.layers[0]
    after = next(node for node in graph.program.graph.nodes if node.name == stem.sum).users
    (swish,) = after
    assert points.grid[stem.sum] != points.grid[swish.name]


class Joined(nn.Module):
    """A concatenation, an addition with ReLU, a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Join two layers both ways."""
        one, other = self.one(x), self.other(x)
        added = torch.relu(one + other)
        joined = torch.cat([nn.functional.max_pool2d(one, 2), nn.functional.max_pool2d(added, 2)], dim=1)
        answer: Tensor = self.last(joined)
        return answer


def test_parts_of_a_concatenation_share_a_grid_and_a_fused_addition_has_one() -> None:
    graph = trace(Joined(), images(1))
    points = quantization_points(graph)
    one, other, last = graph.layers
    by_name = {str(node.target): node.name for node in graph.program.graph.nodes}
    added, relu, joined = (by_name[f"aten.{name}"] for name in ("add.Tensor", "relu.default", "cat.default"))
    assert added not in points.grid, "an addition writes after its ReLU"
    assert points.grid[one.output] == points.grid[relu] == points.grid[joined]
    assert points.grid[other.output] not in (points.grid[joined], points.grid[last.output])
    assert points.operations[points.grid[joined]] == {"one", "add", joined, "last"}


def test_what_lies_between_float_layers_vanishes_and_nothing_else() -> None:
    graph = graph_of("zoo:mobilenetv3-small")
    points = quantization_points(graph)
    names = [layer.name for layer in graph.layers]
    first, second = graph.layers[:2]
    gone = points.in_float(names[:2], names)
    assert points.grid[graph.input] in gone
    assert points.grid[first.sum] in gone, "the argument of the hard-swish between them"
    assert points.grid[second.output] not in gone, "the third layer reads it"
    assert points.in_float((), names) == frozenset()
    assert points.in_float(names, names).isdisjoint(points.outputs)
