"""The layers of an ONNX graph whose weights are quantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.models.imported.onnx_graph import maker, name_of
from edgecnn.quantization.concat_ranges import Concatenation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy as np
    import numpy.typing as npt
    import onnx_ir as ir

_ACTIVATIONS = frozenset({"Relu", "Clip", "HardSwish", "HardSigmoid", "Sigmoid"})


@dataclass(frozen=True)
class OnnxLayer:
    """A convolution or a fully connected layer with constant weights.

    Attributes:
        node: Its node.
        weight: Name of its weights.
        kernel: Its weights, output channels first: float32 ``[O, I, H, W]`` or ``[O, I]``.
        axis: Axis of the output channels in the file.
        depthwise: Whether every output channel reads a single input channel.
    """

    node: ir.Node
    weight: str
    kernel: npt.NDArray[np.float32]
    axis: int
    depthwise: bool

    @property
    def name(self) -> str:
        """Return the name of its node."""
        return self.node.name or ""


def find_layers(graph: ir.Graph) -> list[OnnxLayer]:
    """Return the layers in the order of the graph."""
    layers = []
    for node in graph:
        weight = node.inputs[1] if node.op_type in ("Conv", "Gemm", "MatMul") else None
        if weight is None or not weight.is_initializer() or weight.const_value is None:
            continue
        kernel = weight.const_value.numpy()
        axis, depthwise = 0, False
        if node.op_type == "Conv":
            depthwise = kernel.shape[1] == 1 and node.attributes.get_int("group", 1) == len(kernel)
        elif node.op_type == "MatMul" or not node.attributes.get_int("transB", 0):
            axis, kernel = 1, kernel.T
        layers.append(OnnxLayer(node, name_of(weight), kernel, axis, depthwise))
    return layers


def read_by_sigmoid(graph: ir.Graph) -> set[str]:
    """Return the tensors that only a sigmoid reads."""
    arguments = [node.inputs[0] for node in graph if node.op_type == "Sigmoid"]
    return {
        name_of(value)
        for value in arguments
        if value is not None
        and not value.is_graph_output()
        and all(reader.op_type == "Sigmoid" for reader in value.consumers())
    }


def read_by_gate(graph: ir.Graph) -> set[str]:
    """Return the tensors that only ``x * sigmoid(x)`` reads, with or without a scale per channel."""
    found = set()
    for node in graph:
        gates = [value for value in node.inputs if maker(value, "Sigmoid")] if node.op_type == "Mul" else []
        if len(gates) != 1:
            continue
        (source,) = set(node.inputs) - set(gates)
        inside = maker(gates[0], "Sigmoid")
        if inside is not None and source not in inside.inputs:
            inside = maker(inside.inputs[0], "Conv")
        if source is None or inside is None or source not in inside.inputs or source.is_graph_output():
            continue
        if all(reader in (node, inside) for reader in source.consumers()):
            found.add(name_of(source))
    return found


def concatenations(graph: ir.Graph) -> list[Concatenation]:
    """Return the concatenations of a graph."""
    return [
        Concatenation(node.name or name_of(node.outputs[0]), tuple(map(name_of, node.inputs)))
        for node in graph
        if node.op_type == "Concat"
    ]


def in_float(graph: ir.Graph, layers: Collection[str]) -> list[str]:
    """Return the nodes that stay in float with some layers: their activations, and nodes between them.

    Args:
        graph: The float graph.
        layers: Names of the layers' nodes.
    """
    chosen = {node for node in graph if node.name in layers}
    reached = {layer.node for layer in find_layers(graph)} - chosen
    waiting = [*graph.outputs, *_values(reached)]
    while waiting:
        value = waiting.pop()
        source = value.producer()
        near = {*value.consumers(), *([source] if source else [])} - reached - chosen
        reached |= near
        waiting += _values(near)
    inside = [node for node in graph if node not in reached]
    return sorted({node.name or "" for node in (*inside, *_activations(chosen))})


def _values(nodes: Iterable[ir.Node]) -> list[ir.Value]:
    """Return all tensors that some nodes read or write."""
    return [value for node in nodes if node for value in (*node.inputs, *node.outputs) if value is not None]


def _activations(layers: Iterable[ir.Node]) -> list[ir.Node]:
    """Return the activations directly after some layers, which runtimes fuse with them."""
    readers = [layer.outputs[0].consumers() for layer in layers]
    return [alone[0] for alone in readers if len(alone) == 1 and alone[0].op_type in _ACTIVATIONS]
