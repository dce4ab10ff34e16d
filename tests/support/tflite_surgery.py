"""Put an operator in front of the tiny int8 network: for what compilers and runtimes refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.backends.tflite.flatbuffer import read_model, write_model
from tests.support import tiny_models as tiny

if TYPE_CHECKING:
    from pathlib import Path


def write_with_front(path: Path, builtin: int, options_type: int, options: Any, sizes: list[int]) -> Path:
    """Write the tiny int8 network behind one more operator, which takes the image and keeps its shape.

    Args:
        path: The file to write.
        builtin: Code of the operator.
        options_type: Code of its options.
        options: Its options.
        sizes: A second, constant input, int32; empty for none.
    """
    model = read_model(tiny.write_tflite(path, quantized=True))
    graph = model.subgraphs[0]
    fronted = schema.TensorT()
    image = graph.tensors[0]
    fronted.name, fronted.shape, fronted.type = b"fronted", image.shape, image.type
    fronted.quantization = image.quantization
    graph.tensors.append(fronted)
    inputs = [0]
    result = len(graph.tensors) - 1
    if sizes:
        buffer, constant = schema.BufferT(), schema.TensorT()
        buffer.data = np.frombuffer(np.array(sizes, np.int32).tobytes(), np.uint8)
        model.buffers.append(buffer)
        constant.name, constant.shape = b"sizes", [len(sizes)]
        constant.type, constant.buffer = schema.TensorType.INT32, len(model.buffers) - 1
        graph.tensors.append(constant)
        inputs.append(len(graph.tensors) - 1)
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 2
    model.operatorCodes.append(code)
    operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, [result]
    operator.builtinOptionsType, operator.builtinOptions = options_type, options
    graph.operators[0].inputs = [result, *graph.operators[0].inputs[1:]]
    graph.operators = [operator, *graph.operators]
    write_model(model, path)
    return path


def write_nearest(path: Path, *, half_pixel_centers: bool) -> Path:
    """Write the network behind a nearest resize to the size that the image has."""
    options = schema.ResizeNearestNeighborOptionsT()
    options.halfPixelCenters = half_pixel_centers
    return write_with_front(
        path,
        schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR,
        schema.BuiltinOptions.ResizeNearestNeighborOptions,
        options,
        [tiny.SIZE, tiny.SIZE],
    )


def write_reversed(path: Path) -> Path:
    """Write the network behind a reversal of the image's rows, which no Ethos-U55 has."""
    return write_with_front(
        path,
        schema.BuiltinOperator.REVERSE_V2,
        schema.BuiltinOptions.ReverseV2Options,
        schema.ReverseV2OptionsT(),
        [1],
    )
