"""Reading TFLite files back: ours, hand-made ones, and Google's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.tflite.flatbuffer import read_model, write_model
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.backends.tflite.layers import layers
from tests.backends.conftest import CLASSES, Make
from tests.support.inspections import counts
from tests.support.tiny_models import INPUT_SCALE, INPUT_ZERO, write_tflite


def test_a_float_file(lower: Make) -> None:
    seen = inspect(lower("tflite").file)
    assert (seen.format, seen.precision, seen.transposes) == ("tflite", "fp32", 0)
    assert [(item.name, item.shape, item.dtype) for item in seen.inputs] == [
        ("input", (1, 32, 32, 3), "float32")
    ]
    assert [(item.name, item.shape) for item in seen.outputs] == [("output", (1, CLASSES))]
    assert 4 * seen.parameters < seen.size_bytes < 4 * seen.parameters + 20_000, "names bloat the file"


def test_an_int8_file_is_integer_throughout(lower: Make, quantize: Make) -> None:
    before, after = inspect(lower("tflite").file), inspect(quantize("tflite").file)
    assert (after.precision, after.float_op_names, after.transposes) == ("int8", (), 0)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(after.ops)
    assert after.inputs[0].dtype == after.outputs[0].dtype == "int8"
    assert after.inputs[0].scale is not None
    assert after.ops == before.ops
    assert after.parameters == before.parameters
    assert counts(after, "weight_types").keys() == {"int8", "int32"}


def test_scale_and_zero_point_are_those_of_the_file(tmp_path: Path) -> None:
    (seen,) = inspect(write_tflite(tmp_path / "tiny.tflite", quantized=True)).inputs
    assert seen.scale == pytest.approx(INPUT_SCALE)
    assert seen.zero_point == INPUT_ZERO


def test_a_tensor_without_a_shape_is_a_scalar(tmp_path: Path) -> None:
    file = write_tflite(tmp_path / "tiny.tflite", quantized=True)
    model = read_model(file)
    graph = model.subgraphs[0]
    for tensor in (graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]):
        tensor.shape = tensor.shapeSignature = None
    write_model(model, file)
    seen = inspect(file)
    assert [item.shape for item in (*seen.inputs, *seen.outputs)] == [(), ()]
    assert layers(file)[-1].macs >= 0


def test_a_layer_left_in_float_is_named(tmp_path: Path) -> None:
    file = write_tflite(tmp_path / "tiny.tflite", quantized=True)
    model = read_model(file)
    graph = model.subgraphs[0]
    tensor = type(graph.tensors[0])()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = b"late_relu", [1, 5], 0, 0
    code = type(model.operatorCodes[0])()
    code.builtinCode = code.deprecatedBuiltinCode = 19  # RELU
    operator = type(graph.operators[0])()
    operator.opcodeIndex, operator.inputs, operator.outputs = (
        len(model.operatorCodes),
        [4],
        [len(graph.tensors)],
    )
    model.operatorCodes.append(code)
    graph.tensors.append(tensor)
    graph.operators.append(operator)
    write_model(model, file)
    seen = inspect(file)
    assert (seen.precision, seen.float_op_names) == ("mixed", ("late_relu",))


@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq"])
def test_files_of_other_tools_are_read(name: str, shared_data: Path) -> None:
    seen = inspect(shared_data / "models" / f"{name}.tflite")
    assert seen.precision == "int8"
    assert seen.inputs[0].shape == (1, 224, 224, 3)
    assert seen.inputs[0].dtype == seen.outputs[0].dtype == "uint8"
    assert seen.ops["CONV_2D"] > 30
    assert 3_400_000 < seen.parameters < 3_600_000
