"""Channels that can be scaled without changing the network's outputs.

A channel may be divided by a number in every layer that writes it and multiplied by it in every layer that
reads it, as long as the operations between only pass such a factor on: ReLU, pooling, zero padding, additions
(whose inputs then share the factor). ReLU6 passes it on if it does not clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from edgecnn.core.union_find import UnionFind
from edgecnn.quantization.execution import operations, output_nodes
from edgecnn.quantization.operators import (
    CONVOLUTIONS,
    LINEAR,
    NORMALIZATIONS,
    Target,
    arguments,
    is_operator,
)
from edgecnn.quantization.quantized_tensors import quantization_points

if TYPE_CHECKING:
    from torch import fx

    from edgecnn.quantization.graph import FusedLayer, Graph

_ATEN = torch.ops.aten

_PASSING: frozenset[Target] = frozenset(
    {
        _ATEN.relu.default,
        _ATEN.relu6.default,
        _ATEN.leaky_relu.default,
        _ATEN.max_pool2d.default,
        _ATEN.avg_pool2d.default,
        _ATEN.adaptive_avg_pool2d.default,
        _ATEN.add.Tensor,
    }
)


@dataclass(frozen=True)
class SharedChannels:
    """Channels with the layers that write and read them.

    Attributes:
        writers: Layers whose output channels these are.
        readers: Layers whose input channels these are.
        clipped: Nodes of ReLU6 between them.
        tensors: Nodes that write a quantized tensor with these channels, in the order of execution.
    """

    writers: tuple[FusedLayer, ...]
    readers: tuple[FusedLayer, ...]
    clipped: tuple[str, ...]
    tensors: tuple[str, ...]


def find_shared_channels(graph: Graph) -> tuple[SharedChannels, ...]:
    """Find all channels that may be scaled."""
    return _SharedChannels(graph).found()


def scalable(graph: Graph) -> set[str]:
    """Return the nodes whose ranges say how far channels may be scaled."""
    return {name for group in find_shared_channels(graph) for name in (*group.tensors, *group.clipped)}


class _SharedChannels:
    """Tensors with the same channels, merged as operations are visited."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._groups = UnionFind()
        self._fixed: set[str] = {graph.input}
        self._writers: dict[str, FusedLayer] = {}
        self._readers: list[tuple[str, FusedLayer]] = []
        self._clipped: list[str] = []
        self._layers = {layer.node: layer for layer in graph.layers}
        self._parameters = graph.keys.keys() | graph.constants.keys()
        self._quantized = quantization_points(graph).grid
        for node in operations(graph.program):
            self._visit(node)
        self._fixed |= {node.name for node in output_nodes(graph.program)}

    def found(self) -> tuple[SharedChannels, ...]:
        fixed = {self._groups.find(name) for name in self._fixed}
        members: dict[str, list[str]] = {}
        for node in operations(self._graph.program):
            members.setdefault(self._groups.find(node.name), []).append(node.name)
        groups = []
        for root, names in members.items():
            writers = tuple(self._writers[name] for name in names if name in self._writers)
            readers = tuple(layer for name, layer in self._readers if self._groups.find(name) == root)
            if writers and readers and root not in fixed:
                clipped = tuple(name for name in self._clipped if self._groups.find(name) == root)
                tensors = tuple(name for name in names if name in self._quantized)
                groups.append(SharedChannels(writers, readers, clipped, tensors))
        return tuple(groups)

    def _visit(self, node: fx.Node) -> None:
        sources = [item.name for item in node.all_input_nodes if item.name not in self._parameters]
        if is_operator(node, CONVOLUTIONS | LINEAR) and node.name in self._layers:
            self._visit_layer(node, sources[0])
        elif self._passes(node, sources):
            for name in sources:
                self._groups.merge(node.name, name)
            if is_operator(node, {_ATEN.relu6.default}):
                self._clipped.append(node.name)
        else:
            self._fixed.update((node.name, *sources))

    def _visit_layer(self, node: fx.Node, source: str) -> None:
        layer = self._layers[node.name]
        self._writers[node.name] = layer
        self._readers.append((source, layer))
        if layer.shared:
            self._fixed.update((node.name, source))

    def _passes(self, node: fx.Node, sources: list[str]) -> bool:
        """Return whether an operation passes a channel's factor on."""
        if len(sources) < len(arguments(node)[:1]) or (
            is_operator(node, {_ATEN.add.Tensor}) and len(sources) < 2
        ):
            return False
        if is_operator(node, NORMALIZATIONS):
            # After folding, it adds the bias of the layer before it, which is scaled as well.
            return any(layer.sum == node.name for layer in self._layers.values())
        if is_operator(node, {_ATEN.flatten.using_ints, _ATEN.view.default, _ATEN.reshape.default}):
            before, after = (item.meta["val"].shape for item in (node.all_input_nodes[0], node))
            return len(after) == 2 and len(before) > 1 and before[1] == after[1]
        if is_operator(node, {_ATEN.pad.default}):
            return len(arguments(node)) < 4 or not arguments(node)[3]
        if is_operator(node, {_ATEN.mean.dim}):
            return sorted(axis % 4 for axis in arguments(node)[1]) == [2, 3]
        return is_operator(node, _PASSING)
