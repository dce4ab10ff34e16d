"""The operations of a quantized ONNX file, one by one, with their multiply-accumulates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnxruntime.quantization.onnx_model import ONNXModel

from edgecnn.backends.onnx.session import read_model
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QUANTIZATION = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FUSED = frozenset({"Relu", "Clip"})
"""Activations that a back end computes with the operation before them, in integers."""

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Operation:
    """An operation of a file; quantize/dequantize pairs are no operations, they say what is integer.

    Attributes:
        name: Its node's name.
        operator: Its type, such as ``Conv``.
        outputs: Names of the tensors that it makes.
        macs: Multiply-accumulates of one inference; 0 for what multiplies by no weights.
        integer: Whether its outputs are quantized, so that a back end may compute it in integers.
    """

    name: str
    operator: str
    outputs: tuple[str, ...]
    macs: int
    integer: bool


def operations(file: Path) -> list[Operation]:
    """Return the operations of a file in an order of execution.

    Raises:
        InputError: The file is not ONNX, or it is truncated, or its shapes cannot be inferred.
    """
    network = ONNXModel(read_model(file))
    # ONNX Runtime's quantizer appends its nodes at the end, where shape inference does not find them in time.
    network.topological_sort()
    try:
        model = onnx.shape_inference.infer_shapes(network.model, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        raise InputError(f"the shapes of {file} cannot be inferred: {one_line(error)}") from error
    shapes = _shapes(model)
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    return [
        Operation(
            node.name or node.output[0],
            node.op_type,
            tuple(node.output),
            _macs(node, shapes),
            _is_integer(node, consumers),
        )
        for node in model.graph.node
        if node.op_type not in QUANTIZATION
    ]


def _shapes(model: onnx.ModelProto) -> Shapes:
    graph = model.graph
    shapes: Shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
    return shapes


def _is_integer(node: onnx.NodeProto, consumers: Mapping[str, list[onnx.NodeProto]]) -> bool:
    users = [user for name in node.output for user in consumers.get(name, [])]
    return bool(users) and all(
        user.op_type == "QuantizeLinear" or (user.op_type in _FUSED and _is_integer(user, consumers))
        for user in users
    )


def _macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    source, weights, result = shapes[node.input[0]], shapes[node.input[1]], shapes[node.output[0]]
    match node.op_type:
        case "Conv":  # weights [out, in / groups, height, width]
            return math.prod(result) * math.prod(weights[1:])
        case "ConvTranspose":  # weights [in, out / groups, height, width]: every input value meets them all
            return math.prod(source) * math.prod(weights[1:])
        case _:  # Gemm and MatMul: a sum over the inner dimension for every output value
            return math.prod(result) * (math.prod(source) // math.prod(source[:-1]))
