"""One tiny network in every format, written by hand: an 8x8 convolution of an 8x8 image to five outputs.

It is a linear map, so that every test knows the right answer: ``outputs = weights @ normalized image``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

SIZE, CLASSES = 8, 5
CONTRACT = Contract(height=SIZE, width=SIZE, mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 40.0))
INPUT_SCALE, INPUT_ZERO = 0.025, -10
OUTPUT_SCALE, OUTPUT_ZERO = 0.1, 5
WEIGHT_SCALE = 0.002


def weights() -> np.ndarray:
    """Return weights on a grid that int8 holds exactly, float32 ``[5, 8, 8, 3]``."""
    steps = np.random.default_rng(7).integers(-60, 61, (CLASSES, SIZE, SIZE, 3))
    return (steps * WEIGHT_SCALE).astype(np.float32)


def images(count: int = 12) -> np.ndarray:
    """Return noise images, uint8 ``[N, 8, 8, 3]``."""
    return np.random.default_rng(3).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


def expected(pictures: np.ndarray) -> np.ndarray:
    """Return the right outputs in float64, ``[N, 5]``."""
    table = CONTRACT.lookup().astype(np.float64)
    normalized = np.stack([table[pictures[..., channel], channel] for channel in range(3)], axis=-1)
    outputs: np.ndarray = np.einsum("nhwc,khwc->nk", normalized, weights().astype(np.float64))
    return outputs


def write_onnx(path: Path) -> Path:
    """Write the network as float ONNX, NCHW."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernel = numpy_helper.from_array(np.ascontiguousarray(weights().transpose(0, 3, 1, 2)), "weights")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "weights"], ["conv"], kernel_shape=[SIZE, SIZE]),
            helper.make_node("Flatten", ["conv"], ["output"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, CLASSES])],
        [kernel],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def write_openvino(path: Path) -> Path:
    """Write the network as OpenVINO IR, from the ONNX file."""
    import openvino

    openvino.save_model(
        openvino.convert_model(write_onnx(path.with_suffix(".onnx"))), path, compress_to_fp16=False
    )
    return path


def write_tflite(path: Path, *, quantized: bool) -> Path:
    """Write the network as TFLite, NHWC, float or fully int8 with the scales above."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph = schema.SubGraphT()
    element = schema.TensorType.INT8 if quantized else schema.TensorType.FLOAT32
    kernel = np.rint(weights() / WEIGHT_SCALE).astype(np.int8) if quantized else weights()
    zeros = np.zeros(CLASSES, np.int32 if quantized else np.float32)
    bias_type = schema.TensorType.INT32 if quantized else schema.TensorType.FLOAT32

    def tensor(
        name: str, shape: list[int], kind: Any, scale: float, zero: int, data: np.ndarray | None
    ) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.type = name.encode(), shape, kind
        if data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        if quantized:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
        return made

    graph.tensors = [
        tensor("input", [1, SIZE, SIZE, 3], element, INPUT_SCALE, INPUT_ZERO, None),
        tensor("weights", [CLASSES, SIZE, SIZE, 3], element, WEIGHT_SCALE, 0, kernel),
        tensor("bias", [CLASSES], bias_type, INPUT_SCALE * WEIGHT_SCALE, 0, zeros),
        tensor("conv", [1, 1, 1, CLASSES], element, OUTPUT_SCALE, OUTPUT_ZERO, None),
        tensor("output", [1, CLASSES], element, OUTPUT_SCALE, OUTPUT_ZERO, None),
    ]
    conv, reshape = schema.Conv2DOptionsT(), schema.ReshapeOptionsT()
    conv.padding, conv.strideH, conv.strideW = schema.Padding.VALID, 1, 1
    reshape.newShape = [1, CLASSES]
    operators = [
        (schema.BuiltinOperator.CONV_2D, [0, 1, 2], [3], schema.BuiltinOptions.Conv2DOptions, conv),
        (schema.BuiltinOperator.RESHAPE, [3], [4], schema.BuiltinOptions.ReshapeOptions, reshape),
    ]
    model.operatorCodes, graph.operators = [], []
    for index, (code, inputs, outputs, kind, options) in enumerate(operators):
        entry, operator = schema.OperatorCodeT(), schema.OperatorT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        operator.opcodeIndex, operator.inputs, operator.outputs = index, inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        model.operatorCodes.append(entry)
        graph.operators.append(operator)
    graph.inputs, graph.outputs, model.subgraphs = [0], [4], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def write_quantized_onnx(path: Path) -> Path:
    """Write the ONNX network with quantize/dequantize pairs at the scales above, weights per tensor."""
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load(write_onnx(path))
    bounds = {"input": 3.2, "conv": 12.8, "output": 12.8}
    ranges = {
        name: TensorData(lowest=np.float32(-limit), highest=np.float32(limit))
        for name, limit in bounds.items()
    }
    quantizer = QDQQuantizer(
        model,
        per_channel=False,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, ranges),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv", "Flatten"],
        extra_options={},
    )
    quantizer.quantize_model()
    onnx.save(quantizer.model.model, path)
    return path
