"""Files that are no float network of ONNX's own operators: one line says what they are, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx
from tests.support.onnx_writer import Writer, integers

if TYPE_CHECKING:
    from pathlib import Path


def refused(file: Path, outputs: tuple[str, ...] = ()) -> tuple[str, str]:
    """Return the message and the hint of a refusal."""
    with pytest.raises(InputError) as caught:
        import_onnx(file, outputs)
    return caught.value.message, caught.value.hint or ""


@pytest.mark.parametrize(
    ("content", "what", "way_out"),
    [
        (b"", "holds no graph", "copy or download it again"),
        (b"PK\x03\x04rest", "a zip file", "unpack it"),
        (b"\x1c\0\0\0TFL3rest", "a TFLite file", "ends in .tflite"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "ends in .h5"),
        (b"\x80\x02}q\0.", "a pickle", "torch.onnx.export"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (b"<!DOCTYPE html>", "a text of HTML or XML", "web page"),
        (bytes(range(200, 256)), "or it is truncated", "not packed or encrypted"),
    ],
)
def test_a_file_of_another_format_is_named(content: bytes, what: str, way_out: str, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(content)
    message, hint = refused(file)
    assert what in message
    assert way_out in hint


def with_node(file: Path, node: onnx.NodeProto, domain: str) -> Path:
    """Write a network of a convolution, a node that reads ``t0`` and makes ``odd``, and a ReLU."""
    writer = Writer()
    writer.conv("images", 3, 6)
    writer.nodes.append(node)
    model = onnx.load(writer.save(file, writer.add("Relu", "odd")))
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    onnx.save(model, file)
    return file


@pytest.mark.parametrize("domain", ["mmdeploy", "com.microsoft"])
def test_a_custom_operator_is_named_with_its_domain(domain: str, tmp_path: Path) -> None:
    node = helper.make_node("Strange", ["t0"], ["odd"], name="strange", domain=domain)
    file = with_node(tmp_path / "net.onnx", node, domain)
    message, hint = refused(file)
    assert f"operation strange is Strange of the domain {domain}" in message
    assert "--outputs t0" in hint
    assert import_onnx(file, ("t0",)).graph.outputs == ("t0",)


def test_a_file_that_is_quantized_already_is_said_to_be_so(tmp_path: Path) -> None:
    writer = Writer()
    scale, zero = writer.constant(np.array(0.1, np.float32)), writer.constant(np.array(0, np.int8))
    whole = writer.add("QuantizeLinear", writer.conv("images", 3, 6), scale, zero)
    file = writer.save(tmp_path / "net.onnx", writer.add("DequantizeLinear", whole, scale, zero))
    message, hint = refused(file)
    assert "is quantized already: 2 of its operations" in message
    assert "float .onnx file" in hint


def test_control_flow_is_named(tmp_path: Path) -> None:
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(operator, ["t0"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6, 32, 32])],
        )
        for name, operator in (("then", "Neg"), ("else", "Abs"))
    }
    writer = Writer()
    writer.conv("images", 3, 6)
    best = writer.add("ReduceMax", "t0", keepdims=0)
    choice = writer.add("Greater", best, writer.constant(np.zeros((), np.float32)))
    writer.nodes.append(helper.make_node("If", [choice], ["odd"], name="choice", **branches))
    file = writer.save(tmp_path / "net.onnx", writer.add("Relu", "odd"))
    message, hint = refused(file)
    assert "operation choice is If: control flow" in message
    assert "without loops and conditions" in hint


def test_operations_that_choose_boxes_belong_behind_the_cut(tmp_path: Path) -> None:
    writer = Writer()
    boxes = writer.add("Reshape", writer.conv("images", 3, 4), writer.constant(integers(1, -1, 4)))
    scores = writer.add("Reshape", writer.conv("images", 3, 1), writer.constant(integers(1, 1, -1)))
    chosen = writer.add("NonMaxSuppression", boxes, scores, writer.constant(integers(9)))
    rows = writer.add("Cast", writer.add("Gather", chosen, writer.constant(integers(0, 1))), to=1)
    file = writer.save(tmp_path / "net.onnx", rows)
    message, hint = refused(file)
    assert "NonMaxSuppression" in message
    assert "it chooses boxes" in hint
    assert len(import_onnx(file, (boxes, scores)).graph.outputs) == 2
