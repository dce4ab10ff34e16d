"""Conversion of fully connected layers to 1x1 convolutions, which round the same way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.backends.tflite.flatbuffer import element_count, opcode, operator_name, read_model, write_model

if TYPE_CHECKING:
    from pathlib import Path

_BUILTIN = schema.BuiltinOperator


def dense_as_conv(file: Path) -> int:
    """Replace the fully connected layers of an int8 file by 1x1 convolutions, in place; return their number.

    LiteRT's fully connected kernels round a sum once, but its convolutions, TensorFlow Lite for
    Microcontrollers and the TOSA conversion round twice, so that one output in some thousands differs by a
    step. As a convolution the layer has the same weights, scales and cost, and the same result everywhere.
    """
    model = read_model(file)
    graph = model.subgraphs[0]
    operators: list[Any] = []
    count = 0
    for operator in graph.operators:
        if operator_name(model, operator) == "FULLY_CONNECTED" and _is_int8(graph, operator):
            operators += _as_conv(model, graph, operator)
            count += 1
        else:
            operators.append(operator)
    graph.operators = operators
    if count:
        write_model(model, file)
    return count


def _is_int8(graph: Any, operator: Any) -> bool:
    return all(graph.tensors[index].type == schema.TensorType.INT8 for index in operator.inputs[:2])


def _as_conv(model: Any, graph: Any, dense: Any) -> list[Any]:
    """Return reshape, convolution, reshape for a layer; its weights become ``[out, 1, 1, in]``."""
    source, weights, *bias = (int(index) for index in dense.inputs)
    result = int(dense.outputs[0])
    out, into = (int(extent) for extent in graph.tensors[weights].shape)
    rows = element_count(graph.tensors[source]) // into
    graph.tensors[weights].shape = np.array([out, 1, 1, into], np.int32)
    name = graph.tensors[result].name.decode("utf-8")
    entrance = _like(graph, source, f"{name}/entrance", (rows, 1, 1, into))
    exit_ = _like(graph, result, f"{name}/exit", (rows, 1, 1, out))

    conv = schema.OperatorT()
    conv.opcodeIndex = opcode(model, _BUILTIN.CONV_2D, version=3)
    conv.inputs, conv.outputs = [entrance, weights, *bias], [exit_]
    conv.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    conv.builtinOptions = schema.Conv2DOptionsT()
    conv.builtinOptions.padding = schema.Padding.VALID
    conv.builtinOptions.strideH = conv.builtinOptions.strideW = 1
    conv.builtinOptions.dilationHFactor = conv.builtinOptions.dilationWFactor = 1
    conv.builtinOptions.fusedActivationFunction = dense.builtinOptions.fusedActivationFunction
    return [_reshape(model, graph, source, entrance), conv, _reshape(model, graph, exit_, result)]


def _like(graph: Any, index: int, name: str, shape: tuple[int, ...]) -> int:
    """Add a tensor of another shape with the type and scale of an existing one; return its index."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name.encode("utf-8"), np.array(shape, np.int32)
    tensor.type, tensor.quantization = graph.tensors[index].type, graph.tensors[index].quantization
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _reshape(model: Any, graph: Any, source: int, result: int) -> Any:
    shape = np.array(graph.tensors[result].shape, np.int32)
    constant, buffer = schema.TensorT(), schema.BufferT()
    buffer.data = np.frombuffer(shape.tobytes(), np.uint8)
    model.buffers.append(buffer)
    constant.name = graph.tensors[result].name + b"/shape"
    constant.shape, constant.type = np.array([len(shape)], np.int32), schema.TensorType.INT32
    constant.buffer = len(model.buffers) - 1
    graph.tensors.append(constant)

    operator = schema.OperatorT()
    operator.opcodeIndex = opcode(model, _BUILTIN.RESHAPE, version=1)
    operator.inputs, operator.outputs = [source, len(graph.tensors) - 1], [result]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = shape
    return operator
