"""A tiny detector as an int8 TFLite file, written by hand: two convolutions to one feature map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.detector import Detector, Level

if TYPE_CHECKING:
    from pathlib import Path

SIZE, STRIDE, CLASSES = 32, 8, 2
CONTRACT = Contract(height=SIZE, width=SIZE, resize="letterbox", mean=(128.0,) * 3, std=(64.0,) * 3)
DETECTOR = Detector((Level(stride=STRIDE, boxes=0, scores=1),), boxes="ltrb", score_threshold=0.5)
_INPUT = (1 / 64, 0)
_WEIGHTS = 0.004
_OUTPUTS = {"boxes": (4, 0.05, 0), "scores": (CLASSES, 0.05, -20)}


def write_detector(path: Path) -> Path:
    """Write the detector: input ``[1, 32, 32, 3]``, outputs ``[1, 4, 4, 4]`` and ``[1, 4, 4, 2]``."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph.tensors, graph.operators = [], []

    def tensor(
        name: str, shape: list[int], kind: int, scale: float, zero: int, data: np.ndarray | None = None
    ) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type = name.encode(), shape, kind
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
        if data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    int8, int32 = schema.TensorType.INT8, schema.TensorType.INT32
    random = np.random.default_rng(1)
    graph.inputs, graph.outputs = [tensor("input", [1, SIZE, SIZE, 3], int8, *_INPUT)], []
    for name, (channels, scale, zero) in _OUTPUTS.items():
        shape = [channels, STRIDE, STRIDE, 3]
        kernel = random.integers(-40, 41, shape, np.int8)
        bias = np.full(channels, 1.0 / (_INPUT[0] * _WEIGHTS), np.int32)
        places = [
            graph.inputs[0],
            tensor(f"{name}/weights", shape, int8, _WEIGHTS, 0, kernel),
            tensor(f"{name}/bias", [channels], int32, _INPUT[0] * _WEIGHTS, 0, bias),
        ]
        cells = SIZE // STRIDE
        graph.outputs.append(tensor(name, [1, cells, cells, channels], int8, scale, zero))
        graph.operators.append(_convolution(schema, places, graph.outputs[-1]))
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _convolution(schema: Any, inputs: list[int], output: int) -> Any:
    operator, options = schema.OperatorT(), schema.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.VALID, STRIDE, STRIDE
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, [output]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    return operator
