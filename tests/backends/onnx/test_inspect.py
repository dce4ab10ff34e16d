"""Reading ONNX files back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgecnn.backends.onnx.inspect import inspect
from edgecnn.core.errors import InputError
from edgecnn.ondevice.tensor import TensorInfo
from tests.backends.conftest import CLASSES, Make, foreign_files
from tests.support.inspections import counts


def test_a_float_file(lower: Make, network: tuple[object, object]) -> None:
    seen = inspect(lower("onnx").file)
    assert (seen.format, seen.precision, seen.transposes) == ("onnx", "fp32", 0)
    assert len(seen.float_op_names) == sum(count for kind, count in seen.ops.items() if kind != "Reshape")
    assert seen.inputs == (TensorInfo("input", (1, 3, 32, 32), "float32"),)
    assert seen.outputs == (TensorInfo("output", (1, CLASSES), "float32"),)
    assert seen.size_bytes == lower("onnx").file.stat().st_size
    assert 4 * seen.parameters < seen.size_bytes < 4 * seen.parameters + 40_000


def test_every_convolution_of_an_int8_file_is_an_integer_kernel(lower: Make, quantize: Make) -> None:
    before, after = inspect(lower("onnx").file), inspect(quantize("onnx").file)
    assert after.precision == "int8"
    assert after.float_op_names == ()
    assert after.ops["QLinearConv"] == counts(before, "file_ops")["Conv"]
    assert after.parameters == before.parameters
    assert after.size_bytes < 0.6 * before.size_bytes


def test_a_layer_left_in_float_is_named(quantize: Make, tmp_path: Path) -> None:
    model = onnx.load(quantize("onnx").file)
    pool = next(node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    pool.op_type = "GlobalMaxPool"  # which has no integer kernel
    onnx.save(model, tmp_path / "mixed.onnx")
    seen = inspect(tmp_path / "mixed.onnx")
    assert seen.precision == "mixed"
    assert seen.float_op_names == (pool.name,)


def test_files_that_are_no_onnx_are_refused(lower: Make, tmp_path: Path) -> None:
    for what, file in foreign_files(tmp_path, "onnx", lower("onnx").file).items():
        with pytest.raises(InputError) as caught:
            inspect(file)
        assert str(file) in caught.value.message, f"the message must name the file that is {what}"
        assert "\n" not in caught.value.message
    with pytest.raises(InputError, match="there is no file"):
        inspect(tmp_path / "absent.onnx")


def test_weights_in_another_file_are_refused(lower: Make, tmp_path: Path) -> None:
    model = onnx.load(lower("onnx").file)
    onnx.external_data_helper.convert_model_to_external_data(model, location="../secret", size_threshold=0)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.ClearField("raw_data")
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="keeps its weights in another file"):
        inspect(tmp_path / "model.onnx")


def test_an_operation_that_the_runtime_lacks_is_named(tmp_path: Path) -> None:
    make = onnx.helper
    value = make.make_tensor_value_info
    graph = make.make_graph(
        [make.make_node("Frobnicate", ["input"], ["output"])],
        "unknown",
        [value("input", onnx.TensorProto.FLOAT, [1])],
        [value("output", onnx.TensorProto.FLOAT, [1])],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=10)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"cannot be opened by ONNX Runtime: .*Frobnicate"):
        inspect(tmp_path / "model.onnx")


def test_a_dynamic_dimension_is_minus_one(tmp_path: Path) -> None:
    make = onnx.helper
    value = make.make_tensor_value_info
    graph = make.make_graph(
        [make.make_node("Add", ["input", "one"], ["output"])],
        "dynamic",
        [value("input", onnx.TensorProto.FLOAT, ["batch", 3])],
        [value("output", onnx.TensorProto.FLOAT, ["batch", 3])],
        [onnx.numpy_helper.from_array(np.ones(3, np.float32), "one")],
    )
    onnx.save(
        make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=10), tmp_path / "m.onnx"
    )
    assert inspect(tmp_path / "m.onnx").inputs[0].shape == (-1, 3)
