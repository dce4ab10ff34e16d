"""Making an exported ONNX graph one that ONNX Runtime's integer kernels cover."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

_RANK = 4
_SPATIAL = {2, 3}


def pool_globally(model: onnx.ModelProto) -> None:
    """Turn every mean over height and width into a GlobalAveragePool, in place.

    torch exports adaptive pooling to one pixel, and ``x.mean((2, 3))``, as ReduceMean, for which ONNX Runtime
    has no integer kernel. Where the mean drops the two dimensions, a Flatten follows.
    """
    graph = model.graph
    axes = {
        tensor.name: onnx.numpy_helper.to_array(tensor).ravel().tolist()
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.INT64
    }
    images = {value.name for value in graph.value_info if len(value.type.tensor_type.shape.dim) == _RANK}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "ReduceMean" and node.input[0] in images and _is_spatial(node, axes):
            nodes += _pool(node)
        else:
            nodes.append(node)
    graph.ClearField("node")
    graph.node.extend(nodes)
    _forget_unread(graph)


def _is_spatial(mean: onnx.NodeProto, axes: dict[str, list[int]]) -> bool:
    given = axes.get(mean.input[1], []) if len(mean.input) > 1 else []
    return {axis % _RANK for axis in given} == _SPATIAL


def _pool(mean: onnx.NodeProto) -> list[onnx.NodeProto]:
    keep = next((item.i for item in mean.attribute if item.name == "keepdims"), 1)
    result = mean.output[0]
    pooled = result if keep else f"{result}_pooled"
    nodes = [onnx.helper.make_node("GlobalAveragePool", [mean.input[0]], [pooled], name=mean.name)]
    if not keep:
        nodes.append(onnx.helper.make_node("Flatten", [pooled], [result], name=f"{mean.name}_flatten"))
    return nodes


def keep_in_float(model: onnx.ModelProto, nodes: Collection[str]) -> None:
    """Keep float layers of a quantized graph float, in place.

    ONNX Runtime quantizes the weights of any convolution between a dequantize and a quantize operation by
    itself, with one scale for all channels, unless its input is dequantized channel by channel
    (``WeightBiasQuantization``). So such a layer gets a dequantize operation of its own with the same scale
    written once a channel.

    Args:
        model: With quantize/dequantize pairs, typed.
        nodes: Names of the layers.
    """
    graph = model.graph
    dequantizers = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kernels = {name: onnx.numpy_helper.to_array(tensor) for name, tensor in constants.items()}
    for place, layer in reversed(list(enumerate(graph.node))):
        source = dequantizers.get(layer.input[0]) if layer.name in nodes else None
        if source is None:
            continue
        channels = _input_channels(layer, kernels[layer.input[1]])
        per_channel = []
        for name in source.input[1:]:
            values = np.full(channels, kernels[name].item(), kernels[name].dtype)
            per_channel.append(f"{name}/{layer.name}")
            graph.initializer.append(onnx.numpy_helper.from_array(values, per_channel[-1]))
        own = f"{layer.input[0]}/{layer.name}"
        graph.node.insert(
            place,
            onnx.helper.make_node(
                "DequantizeLinear", [source.input[0], *per_channel], [own], name=own, axis=1
            ),
        )
        graph.node[place + 1].input[0] = own


def answer_in_float(model: onnx.ModelProto) -> None:
    """Let a dense layer that gives an output of the network give it in float32, in place.

    ONNX Runtime's integer kernel does so at no cost. On a grid that reaches to the largest score of all
    images, the usual ones lie so close that the best two tie.

    Args:
        model: With quantize/dequantize pairs; the one behind such a layer goes.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    read = Counter(name for node in graph.node for name in node.input)
    for output in graph.output:
        dequantize = makers.get(output.name)
        quantize = _maker(dequantize, "DequantizeLinear", makers)
        layer = _maker(quantize, "QuantizeLinear", makers)
        if dequantize is None or quantize is None or layer is None or layer.op_type != "Gemm":
            continue
        if read[quantize.output[0]] > 1 or read[layer.output[0]] > 1 or read[output.name]:
            continue
        layer.output[0] = output.name
        graph.node.remove(dequantize)
        graph.node.remove(quantize)
    _forget_unread(graph)


def _maker(
    node: onnx.NodeProto | None, kind: str, makers: dict[str, onnx.NodeProto]
) -> onnx.NodeProto | None:
    """Return what makes the first input of a node of a kind; None for another node."""
    return makers.get(node.input[0]) if node is not None and node.op_type == kind else None


def _forget_unread(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)


def _input_channels(layer: onnx.NodeProto, kernel: npt.NDArray[np.float32]) -> int:
    """Return the channels of a layer's input, which are axis 1 of it."""
    attributes = {item.name: item for item in layer.attribute}
    if layer.op_type == "Conv":
        return int(kernel.shape[1] * (attributes["group"].i if "group" in attributes else 1))
    transposed = layer.op_type == "Gemm" and "transB" in attributes and attributes["transB"].i
    return int(kernel.shape[1 if transposed else 0])
