"""Making an exported ONNX graph one that ONNX Runtime's integer kernels cover."""

from __future__ import annotations

import onnx

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
