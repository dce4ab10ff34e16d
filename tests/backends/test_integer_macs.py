"""How much of a file computes in integers, read back from the file by each format."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edgecnn.backends.formats import load_format
from edgecnn.backends.onnx.inspect import inspect
from tests.backends.conftest import Make

FORMATS = ("onnx", "tflite", "openvino")


@pytest.mark.parametrize("form", FORMATS)
def test_a_float_file_computes_nothing_in_integers_and_an_int8_file_everything(
    form: str, lower: Make, quantize: Make
) -> None:
    assert load_format(form).inspect(lower(form).file).integer_macs == 0.0
    assert load_format(form).inspect(quantize(form).file).integer_macs == 1.0


def test_a_layer_in_float_counts_with_its_multiplications(quantize: Make, tmp_path: Path) -> None:
    model = onnx.load(quantize("onnx").file)
    nodes = {name: node for node in model.graph.node for name in node.output}
    last = next(node for node in reversed(model.graph.node) if node.op_type in ("Gemm", "MatMul"))
    share = inspect(quantize("onnx").file).integer_macs
    pair = nodes[last.input[0]]
    last.input[0] = nodes[pair.input[0]].input[0]  # reads the float tensor before its quantization
    onnx.save(model, tmp_path / "mixed.onnx")
    mixed = inspect(tmp_path / "mixed.onnx")
    assert mixed.precision == "mixed"
    assert mixed.integer_macs is not None
    assert share == 1.0
    assert 0.9 < mixed.integer_macs < 1.0, "the dense layer has few of the multiplications"
