from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.backends.onnx.constants import stored_weights
from edgecnn.backends.onnx.inspect import inspect
from edgecnn.backends.onnx.operations import operations
from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx
from tests.support import tiny_models as tiny


def test_pairs_are_no_operations_and_say_what_is_integer(tmp_path: Path) -> None:
    found = operations(tiny.write_quantized_onnx(tmp_path / "net.onnx"))
    assert [item.operator for item in found] == ["Conv", "Flatten"]
    assert all(item.integer for item in found)
    assert [item.macs for item in found] == [tiny.CLASSES * tiny.SIZE * tiny.SIZE * 3, 0]


def test_a_float_file_has_nothing_integer(tmp_path: Path) -> None:
    found = operations(tiny.write_onnx(tmp_path / "net.onnx"))
    assert not any(item.integer for item in found)
    assert found[0].macs == tiny.CLASSES * tiny.SIZE * tiny.SIZE * 3


@pytest.mark.parametrize(
    ("operator", "weights", "result", "attributes", "macs"),
    [
        ("Conv", (4, 1, 3, 3), (1, 4, 4, 4), {"group": 4, "kernel_shape": [3, 3]}, 4 * 4 * 4 * 9),
        ("ConvTranspose", (4, 2, 2, 2), (1, 2, 12, 12), {"strides": [2, 2]}, 4 * 36 * 2 * 4),
        ("MatMul", (6, 7), (1, 4, 6, 7), {}, 4 * 6 * 7 * 6),
    ],
)
def test_multiply_accumulates(
    operator: str,
    weights: tuple[int, ...],
    result: tuple[int, ...],
    attributes: dict[str, object],
    macs: int,
    tmp_path: Path,
) -> None:
    import numpy as np

    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w"], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(result))],
        [numpy_helper.from_array(np.ones(weights, np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "one.onnx")
    (found,) = operations(tmp_path / "one.onnx")
    assert found.macs == macs


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"not a model" * 10)
    with pytest.raises(InputError, match="is not an ONNX file"):
        operations(tmp_path / "net.onnx")


def _metadata(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="about", value="TEXT")


def _key(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="TEXT", value="about")


def _graph(model: onnx.ModelProto) -> None:
    model.graph.metadata_props.add(key="about", value="TEXT")


def _node(model: onnx.ModelProto) -> None:
    model.graph.node[0].metadata_props.add(key="about", value="TEXT")


def _tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].metadata_props.add(key="about", value="TEXT")


def _documentation(model: onnx.ModelProto) -> None:
    model.doc_string = model.graph.doc_string = model.graph.node[0].doc_string = "TEXT"


def _producer(model: onnx.ModelProto) -> None:
    model.producer_name = model.producer_version = model.domain = "TEXT"


@pytest.mark.parametrize("write", [_metadata, _key, _graph, _node, _tensor, _documentation, _producer])
@pytest.mark.parametrize("make", [tiny.write_onnx, tiny.write_quantized_onnx])
def test_text_that_is_not_utf_8_has_no_effect_or_is_refused_in_one_line(
    make: Callable[[Path], Path], write: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    file = make(tmp_path / "net.onnx")
    model = onnx.load(file)
    write(model)
    file.write_bytes(model.SerializeToString().replace(b"TEXT", b"\xe0EXT"))
    for read in (inspect, operations, stored_weights, import_onnx):
        assert "\n" not in _said(read, file)


def _said(read: Callable[[Path], object], file: Path) -> str:
    """Return the message of a refused file; nothing for one that is read."""
    try:
        read(file)
    except InputError as error:
        return str(error)
    return ""


def test_metadata_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    file = tiny.write_quantized_onnx(tmp_path / "net.onnx")
    model = onnx.load(file)
    _metadata(model)
    file.write_bytes(model.SerializeToString().replace(b"TEXT", b"\xe0EXT"))
    with pytest.raises(InputError, match=r"net\.onnx holds no valid graph: .*utf-8"):
        operations(file)


def test_an_output_that_is_dequantized_in_the_file_keeps_its_step(tmp_path: Path) -> None:
    (output,) = inspect(tiny.write_quantized_onnx(tmp_path / "net.onnx")).outputs
    assert output.dtype == "float32"
    assert output.scale == pytest.approx(25.6 / 255)
    (output,) = inspect(tiny.write_onnx(tmp_path / "net.onnx")).outputs
    assert output.scale is None
