"""int8 in ONNX Runtime: integer kernels, no saturation, ranges as chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.onnx.inspect import inspect
from edgecnn.backends.onnx.quantize import quantize as quantize_here
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core.errors import InputError, UsageError
from edgecnn.data.prepared import PreparedSet
from edgecnn.devices.host import host
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.normalize import normalize
from tests.backends.conftest import CONTRACT, Make, sqnr


def _run(file: Path, pictures: np.ndarray, *, optimized: bool, contract: Contract = CONTRACT) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(file, options)
    images = np.ascontiguousarray(normalize(pictures, contract).transpose(0, 3, 1, 2))
    return np.concatenate([session.run(None, {"input": image[None]})[0].reshape(1, -1) for image in images])


def test_the_shipping_kernels_lose_nothing_to_the_reference(
    quantize: Make, truth: np.ndarray, pictures: np.ndarray
) -> None:
    file = quantize("onnx").file
    shipping = sqnr(truth, _run(file, pictures, optimized=True))
    reference = sqnr(truth, _run(file, pictures, optimized=False))
    assert shipping > 15
    assert shipping > reference - 1.0, "the kernels saturate"


def _bright_layer(
    folder: Path, *, mean: tuple[float, ...] = (0.0,) * 3, bias: float = 0.0, fitted: int = 255
) -> tuple[Path, Path, Contract]:
    """Write the worst case for pairwise adding: all weights positive and alike, all pixels bright.

    The pixels of the images that ranges are fitted to in a search are at most ``fitted``.
    """
    contract = Contract(height=4, width=4, mean=mean, std=(255.0,) * 3)
    weights = np.random.default_rng(0).uniform(0.8, 1.0, (8, 3, 4, 4)).astype(np.float32)
    make = onnx.helper
    graph = make.make_graph(
        [make.make_node("Conv", ["input", "weights", "bias"], ["output"], kernel_shape=[4, 4], group=1)],
        "bright",
        [make.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, 4, 4])],
        [make.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 8, 1, 1])],
        [
            onnx.numpy_helper.from_array(weights, "weights"),
            onnx.numpy_helper.from_array(np.full(8, bias, np.float32), "bias"),
        ],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, folder / "bright.onnx")
    pixels = np.random.default_rng(1).integers(200, 256, (20, 4, 4, 3), np.uint8)
    pixels[np.arange(20) % 3 != 2] = pixels[np.arange(20) % 3 != 2].clip(max=fitted)
    labels = np.zeros(20, np.int64)
    names = tuple(map(str, range(20)))
    PreparedSet.write(folder / "set", pixels, labels, classes=(), names=names, contract=contract)
    return folder / "bright.onnx", folder / "set", contract


@pytest.mark.parametrize("isa", ["any", "x86-64-avx2", "x86-64-avx512-vnni"])
def test_only_the_scheme_for_vnni_can_saturate(isa: str, tmp_path: Path) -> None:
    model, images, contract = _bright_layer(tmp_path)
    quantize_here(model, tmp_path / "int8.onnx", QuantizeRequest("int8", images, isa))
    pixels = np.asarray(PreparedSet.open(images).images)
    reference = _run(tmp_path / "int8.onnx", pixels, optimized=False, contract=contract)
    shipping = _run(tmp_path / "int8.onnx", pixels, optimized=True, contract=contract)
    gap = float(np.abs(shipping - reference).max() / reference.max())
    here = ISAS.get(host().isa)
    if isa == "x86-64-avx512-vnni" and here is not None and here.int8_saturates:
        assert gap > 0.2, "this CPU no longer saturates; the scheme of its ISA can be simpler"
    else:
        assert gap < 0.02


def test_weights_use_more_than_seven_bits_without_vnni(quantize: Make) -> None:
    model = onnx.load(quantize("onnx").file)
    peaks = [
        int(np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max())
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert min(peaks) > 64
    assert max(peaks) <= 127


def test_a_given_reach_of_the_ranges_is_not_searched_for(
    lower: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    notes = quantize_here(
        lower("onnx").file, tmp_path / "model.onnx", replace(request_int8, options={"ranges": 1.0})
    )
    assert notes.ranges.method == 1.0
    assert notes.ranges.held_out_sqnr_db == {}


def test_ranges_that_were_searched_give_the_bytes_of_the_same_ranges_given(tmp_path: Path) -> None:
    # Weights get larger scales where a bias overflows at the ranges of a trial, but only in that trial.
    model, images, _ = _bright_layer(tmp_path, mean=(0.0, 40.0, 90.0), bias=1e6, fitted=230)
    request = QuantizeRequest("int8", images, "x86-64-avx512-vnni")
    notes = quantize_here(model, tmp_path / "searched.onnx", request)
    assert len(notes.ranges.held_out_sqnr_db) > 1
    files = {}
    for method in (0.0, 1.0):
        files[method] = tmp_path / f"{method}.onnx"
        quantize_here(model, files[method], replace(request, options={"ranges": method}))
    scales = [_initializer(file, "weights_scale") for file in files.values()]
    assert (scales[0] > scales[1]).all()
    given = tmp_path / "given.onnx"
    quantize_here(model, given, replace(request, options={"ranges": notes.ranges.method}))
    assert given.read_bytes() == (tmp_path / "searched.onnx").read_bytes()


def _initializer(file: Path, name: str) -> np.ndarray:
    found = [item for item in onnx.load(file).graph.initializer if item.name == name]
    values: np.ndarray = onnx.numpy_helper.to_array(found[0])
    return values


def test_the_same_request_gives_the_same_bytes(
    lower: Make, quantize: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    again = tmp_path / "model.onnx"
    quantize_here(lower("onnx").file, again, request_int8)
    assert again.read_bytes() == quantize("onnx").file.read_bytes()


def test_dense_layers_at_the_end_answer_in_float_unless_integers_are_asked_for(
    lower: Make,
    quantize: Make,
    request_int8: QuantizeRequest,
    truth: np.ndarray,
    pictures: np.ndarray,
    tmp_path: Path,
) -> None:
    integer = tmp_path / "model.onnx"
    quantize_here(lower("onnx").file, integer, replace(request_int8, options={"integer_outputs": True}))
    default = quantize("onnx").file
    kinds = {}
    for file in (default, integer):
        graph = onnx.load(file).graph
        (kinds[file],) = (node.op_type for node in graph.node if graph.output[0].name in node.output)
        read = {name for node in graph.node for name in node.input}
        assert {tensor.name for tensor in graph.initializer} <= read
        assert inspect(file).precision == "int8", "the kernel is an integer one in both"
    assert list(kinds.values()) == ["Gemm", "DequantizeLinear"]
    outputs = [sqnr(truth, _run(file, pictures, optimized=True)) for file in (default, integer)]
    assert outputs[0] > outputs[1]
    assert inspect(default).outputs[0].scale is None


def test_float16_is_refused(lower: Make, request_int8: QuantizeRequest, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="onnx has no fp16"):
        quantize_here(lower("onnx").file, tmp_path / "model.onnx", replace(request_int8, precision="fp16"))


def test_shapes_that_contradict_each_other_are_refused(tmp_path: Path, request_int8: QuantizeRequest) -> None:
    make = onnx.helper
    value = make.make_tensor_value_info
    graph = make.make_graph(
        [make.make_node("MatMul", ["input", "weights"], ["output"])],
        "broken",
        [value("input", onnx.TensorProto.FLOAT, [1, 3])],
        [value("output", onnx.TensorProto.FLOAT, [1, 5])],
        [onnx.numpy_helper.from_array(np.zeros((4, 5), np.float32), "weights")],
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 18)]), tmp_path / "broken.onnx")
    with pytest.raises(InputError, match=r"the shapes of .*broken\.onnx cannot be inferred"):
        quantize_here(tmp_path / "broken.onnx", tmp_path / "model.onnx", request_int8)
