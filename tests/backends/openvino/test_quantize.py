"""int8 and float16 IR files: what the CPU plugin computes with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.inspect import FLOAT32, inspect
from edgecnn.backends.openvino.ir import openvino, read_model
from edgecnn.backends.openvino.quantize import quantize as quantize_here
from edgecnn.backends.openvino.weights import float_weights, replace_weights
from edgecnn.ondevice.normalize import normalize
from tests.backends.conftest import CLASSES, CONTRACT, Make, sqnr
from tests.support.inspections import counts


def run(file: Path, pictures: np.ndarray) -> np.ndarray:
    """Return the file's answers in the CPU plugin, ``[N, classes]``."""
    compiled = core().compile_model(str(file), "CPU", {**FLOAT32, "INFERENCE_NUM_THREADS": 1})
    images = np.ascontiguousarray(normalize(pictures, CONTRACT).transpose(0, 3, 1, 2))
    return np.concatenate([compiled([image[None]])[0].copy() for image in images])


def test_the_float_file_answers_as_torch_does(lower: Make, truth: np.ndarray, pictures: np.ndarray) -> None:
    assert np.abs(run(lower("openvino").file, pictures) - truth).max() < 1e-4


def test_a_float_file_is_static_and_clean(lower: Make) -> None:
    seen = inspect(lower("openvino").file)
    assert (seen.format, seen.precision, seen.transposes) == ("openvino", "fp32", 0)
    assert [(item.name, item.shape) for item in seen.inputs] == [("input", (1, 3, 32, 32))]
    assert [(item.name, item.shape) for item in seen.outputs] == [("output", (1, CLASSES))]
    assert "ShapeOf" not in counts(seen, "file_ops")
    both = sum(lower("openvino").file.with_suffix(suffix).stat().st_size for suffix in (".xml", ".bin"))
    assert seen.size_bytes == both


def test_every_convolution_of_an_int8_file_runs_in_int8(lower: Make, quantize: Make) -> None:
    before, after = inspect(lower("openvino").file), inspect(quantize("openvino").file)
    assert (after.precision, after.float_op_names) == ("int8", ())
    assert after.ops["Convolution"] == before.ops["Convolution"]
    assert {kind for kind in counts(after, "layer_types") if kind.startswith("Convolution")} <= {
        "Convolution u8",
        "Convolution i8",
    }
    assert after.parameters == before.parameters
    assert counts(after, "weight_types")["i8"] == after.ops["Convolution"] + after.ops["FullyConnected"]


def test_the_int8_file_is_close(quantize: Make, truth: np.ndarray, pictures: np.ndarray) -> None:
    assert sqnr(truth, run(quantize("openvino").file, pictures)) > 12


def test_float16_halves_the_weights_and_changes_little(
    lower: Make, truth: np.ndarray, pictures: np.ndarray, tmp_path: Path
) -> None:
    quantize_here(lower("openvino").file, tmp_path / "half.xml", QuantizeRequest("fp16", None, "any"))
    seen = inspect(tmp_path / "half.xml")
    assert seen.precision == "fp16"
    weight_types = counts(seen, "weight_types")
    assert weight_types["f16"] > weight_types.get("f32", 0)
    half, whole = (
        (path).with_suffix(".bin").stat().st_size for path in (tmp_path / "half.xml", lower("openvino").file)
    )
    assert half < 0.55 * whole
    assert sqnr(truth, run(tmp_path / "half.xml", pictures)) > 40


def test_the_same_request_gives_the_same_bytes(
    lower: Make, quantize: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    quantize_here(lower("openvino").file, tmp_path / "model.xml", request_int8)
    for suffix in (".xml", ".bin"):
        again, once = (
            path.with_suffix(suffix) for path in (tmp_path / "model.xml", quantize("openvino").file)
        )
        assert again.read_bytes() == once.read_bytes()


def test_an_isa_with_dot_products_keeps_all_bits(
    lower: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    notes = quantize_here(
        lower("openvino").file, tmp_path / "model.xml", replace(request_int8, isa="x86-64-avx512-vnni")
    )
    assert notes.scheme.endswith("all 8 bits")


@pytest.mark.parametrize("transposed", [False, True])
def test_weights_are_replaced_in_every_kind_of_layer(transposed: bool) -> None:
    """Plain, grouped and depthwise convolutions and both orders of a matrix keep their values, on a grid."""
    opset = openvino.opset13
    random = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    image = opset.parameter([1, 6, 8, 8], np.float32)
    pads = ([1, 1], [0, 0], [0, 0], [1, 1])
    plain = opset.convolution(image, weights(12, 6, 3, 3), *pads)
    grouped = opset.group_convolution(opset.relu(plain), weights(4, 2, 3, 3, 3), *pads)
    depthwise = opset.group_convolution(opset.relu(grouped), weights(8, 1, 1, 3, 3), *pads)
    pooled = opset.reduce_mean(opset.relu(depthwise), np.array([2, 3]), keep_dims=False)
    matrix = weights(5, 8) if transposed else weights(8, 5)
    output = opset.matmul(pooled, matrix, transpose_a=False, transpose_b=transposed)
    graph = openvino.Model([output], [image])
    picture = weights(1, 6, 8, 8)

    def answer() -> np.ndarray:
        outputs: np.ndarray = core().compile_model(graph, "CPU", FLOAT32)([picture])[0].copy()
        return outputs

    want, kept = answer(), float_weights(graph)
    assert len(kept) == 4
    replace_weights(graph, kept, {}, scheme="pairs-c")
    assert not float_weights(graph), "every layer's weights are dequantized now"
    assert sqnr(want, answer()) > 30


def test_a_quantized_graph_reads_back_as_quantized(quantize: Make) -> None:
    kinds = {item.get_type_name() for item in read_model(quantize("openvino").file).get_ops()}
    assert "FakeQuantize" in kinds
