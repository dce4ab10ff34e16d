"""The int8 tensors of a network on a device, and the grids that they share.

The rules of operations are in :mod:`edgecnn.quantization.rules`. A layer writes its result once, after batch
norm and the operations that its kernels fuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from edgecnn.core.union_find import UnionFind
from edgecnn.quantization.execution import operations, output_nodes
from edgecnn.quantization.operators import FUSED, Target, is_operator
from edgecnn.quantization.rules import Rule, is_part_of_split, rule_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import fx

    from edgecnn.quantization.graph import Graph


@dataclass(frozen=True)
class Points:
    """The quantized tensors of a network.

    Attributes:
        grid: Name of a quantized tensor's grid (the first node that has it), by the node that writes the
            tensor.
        operations: Names of the operations that read or write each grid: a layer's name, or the name of
            another operation's node.
        outputs: Grids of the network's outputs.
    """

    grid: dict[str, str]
    operations: dict[str, frozenset[str]]
    outputs: frozenset[str]

    def in_float(self, layers: Collection[str], every: Collection[str]) -> frozenset[str]:
        """Return the grids that are not needed if some layers stay in float.

        Tensors between such layers, such as their activations, stay in float with them.

        Args:
            layers: Names of the layers left in float.
            every: Names of all layers.
        """
        others = set(every) - set(layers)
        while True:
            kept = {grid for grid, names in self.operations.items() if not names.isdisjoint(others)}
            met = frozenset[str]().union(*(self.operations[grid] for grid in kept)) - set(layers)
            if met <= others:
                return frozenset(self.operations.keys() - kept - self.outputs)
            others |= met


def quantization_points(graph: Graph, fused: Collection[Target] = FUSED) -> Points:
    """Find every tensor that an integer runtime quantizes.

    Args:
        graph: The trace.
        fused: Activations that the runtime computes before it writes a layer's result.
    """
    grids = _Grids(graph, fused)
    for node in operations(graph.program):
        grids.visit(node)
    outputs = frozenset(grids.root(grids.of[node.name]) for node in output_nodes(graph.program))
    touching: dict[str, frozenset[str]] = {}
    for grid, names in grids.touching.items():
        root = grids.root(grid)
        touching[root] = touching.get(root, frozenset()) | names
    return Points({node: grids.root(grid) for node, grid in grids.writes.items()}, touching, outputs)


class _Grids:
    """Grids found so far, in the order of execution; concatenations merge them."""

    def __init__(self, graph: Graph, fused: Collection[Target]) -> None:
        self._fused = fused
        self.of: dict[str, str] = {graph.input: graph.input}
        self.writes: dict[str, str] = {graph.input: graph.input}
        self.touching: dict[str, set[str]] = {graph.input: set()}
        self._groups = UnionFind()
        self._inside = {layer.node: layer.name for layer in graph.layers if layer.node != layer.sum}
        self._operation = {
            node: layer.name for layer in graph.layers for node in (layer.node, layer.sum, layer.output)
        }

    def root(self, grid: str) -> str:
        return self._groups.find(grid)

    def visit(self, node: fx.Node) -> None:
        sources = [self.of[item.name] for item in node.all_input_nodes if item.name in self.of]
        rule = rule_of(node)
        if rule in (Rule.MOVES, Rule.SPLITS) or is_part_of_split(node):
            if sources:
                self.of[node.name] = sources[0]
            return
        if not isinstance(node.meta.get("val"), torch.Tensor):
            return  # the value is a size
        operation = self._operation.setdefault(node.name, self._inherited(node))
        for grid in sources:
            self.touching[grid].add(operation)
        if self._continues(node):
            return
        self.of[node.name] = self.writes[node.name] = node.name
        self.touching[node.name] = {operation}
        if rule is Rule.JOINS:
            for grid in sources:
                self._groups.merge(grid, node.name)

    def _inherited(self, node: fx.Node) -> str:
        """Return the operation to which a fused activation belongs, or the node's own name."""
        before = node.all_input_nodes[0] if node.all_input_nodes else node
        if is_operator(node, self._fused) and before.name not in self.of and before.name in self._operation:
            return self._operation[before.name]
        return node.name

    def _continues(self, node: fx.Node) -> bool:
        """Return whether a runtime processes this value further before it writes a result."""
        if node.name in self._inside:
            return True
        users = list(node.users)
        return len(users) == 1 and is_operator(users[0], self._fused)
