"""Making an exported ONNX graph one that ONNX Runtime's integer kernels cover."""

from __future__ import annotations

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
    read = {name for node in nodes for name in node.input}
    unread = [tensor for tensor in graph.initializer if tensor.name not in read]
    for tensor in unread:
        graph.initializer.remove(tensor)


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


def _input_channels(layer: onnx.NodeProto, kernel: npt.NDArray[np.float32]) -> int:
    """Return the channels of a layer's input, which are axis 1 of it."""
    attributes = {item.name: item for item in layer.attribute}
    if layer.op_type == "Conv":
        return int(kernel.shape[1] * (attributes["group"].i if "group" in attributes else 1))
    transposed = layer.op_type == "Gemm" and "transB" in attributes and attributes["transB"].i
    return int(kernel.shape[1 if transposed else 0])
