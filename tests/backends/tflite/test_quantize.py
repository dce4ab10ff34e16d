"""int8 and float16 TFLite files: what LiteRT computes with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.tflite.flatbuffer import read_model, write_model
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.backends.tflite.observe import observe
from edgecnn.backends.tflite.quantize import quantize as quantize_here
from edgecnn.core.errors import InputError
from edgecnn.ondevice.normalize import normalize, quantize_input
from tests.backends.conftest import CONTRACT, Make, sqnr


def run(file: Path, pictures: np.ndarray, *, reference: bool = False) -> np.ndarray:
    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(str(file), num_threads=1, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    entrance, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    is_int8 = entrance["dtype"] is np.int8
    scale_and_zero = entrance["quantization"]
    images: np.ndarray = (
        quantize_input(pictures, CONTRACT, *scale_and_zero) if is_int8 else normalize(pictures, CONTRACT)
    )
    answers = []
    for image in images:
        interpreter.set_tensor(entrance["index"], image[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(exit_["index"])[0].astype(np.float32))
    scale, zero_point = exit_["quantization"]
    found = np.stack(answers)
    return (found - zero_point) * scale if scale else found


def test_the_float_file_answers_as_torch_does(lower: Make, truth: np.ndarray, pictures: np.ndarray) -> None:
    assert np.abs(run(lower("tflite").file, pictures) - truth).max() < 1e-4


@pytest.mark.parametrize("reference", [False, True])
def test_the_int8_file_is_close_in_every_kernel(
    reference: bool, quantize: Make, truth: np.ndarray, pictures: np.ndarray
) -> None:
    assert sqnr(truth, run(quantize("tflite").file, pictures, reference=reference)) > 15


def test_outputs_are_not_clipped(quantize: Make, truth: np.ndarray) -> None:
    (output,) = inspect(quantize("tflite").file).outputs
    assert output.scale is not None
    assert output.zero_point is not None
    assert (127 - output.zero_point) * output.scale >= truth.max() - output.scale
    assert (-128 - output.zero_point) * output.scale <= truth.min() + output.scale


def test_float16_halves_the_file_and_changes_little(
    lower: Make, truth: np.ndarray, pictures: np.ndarray, tmp_path: Path
) -> None:
    notes = quantize_here(
        lower("tflite").file, tmp_path / "half.tflite", QuantizeRequest("fp16", None, "any")
    )
    assert notes.scheme == "float16 weights"
    before, after = inspect(lower("tflite").file), inspect(tmp_path / "half.tflite")
    assert (after.precision, after.transposes) == ("fp16", 0)
    assert after.size_bytes < 0.6 * before.size_bytes
    assert after.parameters == before.parameters
    assert sqnr(truth, run(tmp_path / "half.tflite", pictures)) > 40


def test_the_same_request_gives_the_same_bytes(
    lower: Make, quantize: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    quantize_here(lower("tflite").file, tmp_path / "model.tflite", request_int8)
    assert (tmp_path / "model.tflite").read_bytes() == quantize("tflite").file.read_bytes()


def test_a_given_reach_of_the_ranges_is_used(
    lower: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    scales = {}
    for extremes in (0.0, 1.0):
        file = tmp_path / f"{extremes}.tflite"
        quantize_here(lower("tflite").file, file, replace(request_int8, options={"ranges": extremes}))
        tensors = {tensor.name.decode(): tensor for tensor in read_model(file).subgraphs[0].tensors}
        scales[extremes] = {
            name: float(tensor.quantization.scale[0])
            for name, tensor in tensors.items()
            if "constant" not in name
        }
    assert scales[0.0]["output"] == scales[1.0]["output"], "outputs keep their extremes"
    ratios = [scales[0.0][name] / scales[1.0][name] for name in scales[1.0]]
    assert max(ratios) <= 1.0 + 1e-6
    assert min(ratios) < 0.95


def test_only_computed_tensors_are_observed(lower: Make, request_int8: QuantizeRequest) -> None:
    file = lower("tflite").file
    seen, truth = observe(file, Calibration.open(request_int8, "NHWC", inspect(file).inputs[0]))
    assert not [name for name in seen.names if "constant" in name]
    assert {"input", "output", "conv_2d_0"} <= set(seen.names)
    output = seen.names.index("output")
    assert np.allclose(seen.high[:, output], [answer[0].max() for answer in truth])


def test_an_operator_without_an_int8_form_is_reported(
    lower: Make, request_int8: QuantizeRequest, tmp_path: Path
) -> None:
    """If the quantizer leaves an operator in float, the inspection of the file shows it."""
    model = read_model(lower("tflite").file)
    graph = model.subgraphs[0]
    tensor = type(graph.tensors[0])()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = b"scores", [1, 10], 0, 0
    floor = type(model.operatorCodes[0])()
    floor.builtinCode = floor.deprecatedBuiltinCode = 8  # FLOOR
    operator = type(graph.operators[0])()
    operator.opcodeIndex, operator.inputs = len(model.operatorCodes), list(graph.outputs)
    operator.outputs = [len(graph.tensors)]
    model.operatorCodes.append(floor)
    graph.tensors.append(tensor)
    graph.operators.append(operator)
    graph.outputs = [len(graph.tensors) - 1]
    for entry in model.signatureDefs[0].outputs:
        entry.tensorIndex = graph.outputs[0]
    write_model(model, tmp_path / "floor.tflite")
    quantize_here(tmp_path / "floor.tflite", tmp_path / "model.tflite", request_int8)
    seen = inspect(tmp_path / "model.tflite")
    assert seen.precision == "mixed"
    assert seen.float_op_names == ("scores",)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, request_int8: QuantizeRequest) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"bad\.tflite is not a TFLite file"):
        quantize_here(tmp_path / "bad.tflite", tmp_path / "model.tflite", request_int8)
