"""One table says what int8 kernels do: simulation and training share the grids that it says are shared."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.quantization.graph import trace
from edgecnn.quantization.operators import ACTIVATIONS, FUSED
from edgecnn.quantization.qat.prepare import prepare
from edgecnn.quantization.quantized_tensors import quantization_points
from edgecnn.quantization.rules import RULES, Rule
from tests.support.quantization_networks import images

OPERATIONS: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
    "chunk": (lambda x: x.chunk(2, dim=1)[0], True),
    "clone": (lambda x: x.clone(memory_format=torch.contiguous_format), True),
    "expand": (lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 4, 4), True),
    "max pool": (lambda x: functional.max_pool2d(x, 2), True),
    "nearest": (lambda x: functional.interpolate(x, scale_factor=2.0), True),
    "pad": (lambda x: functional.pad(x, (0, 1, 0, 1)), True),
    "permute": (lambda x: x.permute(0, 1, 3, 2), True),
    "select": (lambda x: x.unsqueeze(1).select(1, 0), True),
    "slice": (lambda x: x[:, 1:], True),
    "split": (lambda x: torch.split(x, 2, dim=1)[1], True),
    "average pool": (lambda x: functional.avg_pool2d(x, 2), False),
    "bilinear": (lambda x: functional.interpolate(x, scale_factor=2.0, mode="bilinear"), False),
    "hard-swish": (functional.hardswish, False),
    "sigmoid": (torch.sigmoid, False),
}
"""Operations, each with whether its output keeps the grid of the tensor in front of it."""


class _Network(nn.Module):
    """A layer, the operation, a layer."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.operation = nn.Conv2d(3, 4, 3, padding=1), operation
        self.last = nn.LazyConv2d(2, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        answer: Tensor = self.last(self.operation(self.first(pixels)))
        return answer


@pytest.mark.parametrize("name", OPERATIONS)
def test_simulation_and_training_agree(name: str) -> None:
    operation, keeps = OPERATIONS[name]
    module = _Network(operation).eval()
    with torch.no_grad():
        module(images(1))
    graph = trace(module, images(1))
    (last,) = (layer for layer in graph.layers if layer.name == "last")
    (read,) = (node for node in graph.program.graph.nodes if node.name == last.node)
    result = read.all_input_nodes[0]
    assert (result.name not in quantization_points(graph).grid) is keeps, "in the simulation"

    prepared = prepare(module, images(1), "symmetric")
    nodes = {node.name: node for node in prepared.graph.graph.nodes}
    ranges = {
        nodes[place].all_input_nodes[0].name: id(found) for place, found in prepared.fake_quantizes().items()
    }
    argument = next(node for node in _upwards(result.all_input_nodes[0]) if node.name in ranges)
    assert (ranges[result.name] == ranges[argument.name]) is keeps, "in training"


def _upwards(node: torch.fx.Node) -> list[torch.fx.Node]:
    found = [node]
    while found[-1].all_input_nodes:
        found.append(found[-1].all_input_nodes[0])
    return found


def test_every_activation_has_a_rule() -> None:
    for target in ACTIVATIONS:
        assert RULES[target] is (Rule.CLIPS if target in FUSED else Rule.COMPUTES), str(target)
