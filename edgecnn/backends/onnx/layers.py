"""The layers of an ONNX graph whose weights are quantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx

from edgecnn.quantization.concat_ranges import Join

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import numpy.typing as npt

_ACTIVATIONS = frozenset({"Relu", "Clip", "HardSwish", "HardSigmoid", "Sigmoid"})


@dataclass(frozen=True)
class Layer:
    """A convolution or a fully connected layer with constant weights.

    Attributes:
        node: Its node.
        weight: Name of its weights.
        kernel: Its weights, output channels first: float32 ``[O, I, H, W]`` or ``[O, I]``.
        axis: Axis of the output channels in the file.
        depthwise: Whether every output channel has one input channel of its own.
    """

    node: onnx.NodeProto
    weight: str
    kernel: npt.NDArray[np.float32]
    axis: int
    depthwise: bool


def find_layers(model: onnx.ModelProto) -> list[Layer]:
    """Return the layers in the order of the graph."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    layers = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in weights:
            continue
        kernel = onnx.numpy_helper.to_array(weights[node.input[1]])
        attributes = {item.name: item for item in node.attribute}
        axis, depthwise = 0, False
        if node.op_type == "Conv":
            depthwise = kernel.shape[1] == 1 and attributes["group"].i == len(kernel)
        elif node.op_type == "MatMul" or "transB" not in attributes or not attributes["transB"].i:
            axis, kernel = 1, kernel.T
        layers.append(Layer(node, node.input[1], kernel, axis, depthwise))
    return layers


def read_by_sigmoid(model: onnx.ModelProto) -> set[str]:
    """Return the tensors that nothing but a sigmoid reads."""
    readers: dict[str, set[str]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    outputs = {value.name for value in model.graph.output}
    return {name for name, kinds in readers.items() if kinds == {"Sigmoid"}} - outputs


def read_by_gate(model: onnx.ModelProto) -> set[str]:
    """Return the tensors that nothing but ``x * sigmoid(x)`` reads, with or without a scale a channel."""
    makers = {name: node for node in model.graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = set()
    for node in model.graph.node:
        gates = [makers[name] for name in node.input if name in makers and makers[name].op_type == "Sigmoid"]
        if node.op_type != "Mul" or len(gates) != 1:
            continue
        (source,) = set(node.input) - set(gates[0].output)
        inside = gates[0]
        argument = makers.get(inside.input[0])
        if argument is not None and argument.op_type == "Conv" and source not in inside.input:
            inside = argument
        if source in inside.input and all(reader in (node, inside) for reader in readers[source]):
            found.add(source)
    return found - {value.name for value in model.graph.output}


def joins(model: onnx.ModelProto) -> list[Join]:
    """Return the concatenations of a graph."""
    nodes = [node for node in model.graph.node if node.op_type == "Concat"]
    return [Join(node.name or node.output[0], tuple(node.input)) for node in nodes]


def in_float(model: onnx.ModelProto, layers: Collection[str]) -> list[str]:
    """Return the nodes that stay in float with some layers: activations right behind, and what lies between.

    Args:
        model: The float graph.
        layers: Names of the layers' nodes.
    """
    others = {layer.node.name for layer in find_layers(model)} - set(layers)
    inside = {node.name for node in model.graph.node} - others
    outputs = {value.name for value in model.graph.output}
    while True:
        outer = [node for node in model.graph.node if node.name not in inside]
        near = {name for node in outer for name in (*node.input, *node.output)} | outputs
        met = {
            node.name for node in model.graph.node if not near.isdisjoint((*node.input, *node.output))
        } & inside - set(layers)
        if not met:
            break
        inside -= met
    return sorted(inside | {name for layer in layers for name in _with_activation(model, layer)})


def _with_activation(model: onnx.ModelProto, name: str) -> list[str]:
    """Return a layer's name and that of the activation right behind it, which runtimes fuse with it."""
    node = next(node for node in model.graph.node if node.name == name)
    readers = [other for other in model.graph.node if node.output[0] in other.input]
    fused = [other.name for other in readers if other.op_type in _ACTIVATIONS]
    return [name, *fused] if len(readers) == 1 else [name]
