"""int8 and float16 TFLite files, by ai-edge-quantizer with our ranges."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.quantizer import Quantizer

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.calibration_check import calibration_health
from edgecnn.backends.options import INT8_OPTIONS, check_known, needs_samples, ranges_option, switch_option
from edgecnn.backends.recovered import Recovered
from edgecnn.backends.tflite.dense import dense_as_conv
from edgecnn.backends.tflite.flatbuffer import inline_weights
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.backends.tflite.layers import concatenations, read_by_gate, read_by_sigmoid
from edgecnn.backends.tflite.observe import observe
from edgecnn.backends.tflite.paddings import pad_with_zero_points, with_finite_paddings
from edgecnn.backends.tflite.refusals import FAILURES, quantizer_refusal, require_ranges
from edgecnn.backends.tflite.weights import layer_weights, put_on_grid
from edgecnn.core.documents.quantization import IntegerNotes, QuantizationNotes
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.quantization.concat_ranges import refuse_conflicts
from edgecnn.quantization.ranges import GATE_LIMIT, SIGMOID_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.backends.format import QuantizeRequest
    from edgecnn.quantization.ranges import Range
    from edgecnn.quantization.sqnr import Answer

_PACKAGES = ("ai-edge-quantizer", "ai-edge-litert")


def quantize(model: Path, file: Path, request: QuantizeRequest) -> QuantizationNotes:
    """Quantize a float TFLite file; return notes for the manifest.

    Raises:
        UsageError: An option is unknown.
        InputError: The file or the calibration images cannot be used, or an operator has no int8 form.
    """
    described = inspect(model)
    if described.precision != "fp32":
        raise InputError(f"{model} is {described.precision} already; a float32 file can be quantized")
    if request.precision == "fp16":
        check_known(request.options, (), "tflite fp16")
        return _cast(model, file)
    check_known(request.options, (*INT8_OPTIONS, "dense_as_conv"), "tflite int8")
    rewrite_dense = switch_option(request.options, "dense_as_conv")
    methods = ranges_option(request.options)
    images = Calibration.open(request, "NHWC", described.inputs[0])
    seen, truth = observe(model, images, sampled=needs_samples(methods))
    outputs = [output.name for output in described.outputs]
    require_ranges(model, outputs, seen.names)
    refuse_conflicts(seen, concatenations(model))
    recovered, weights = Recovered.of(request), layer_weights(model)
    if recovered.trained is None:
        seen = images.exactly(seen, described.inputs[0].name)
        seen = seen.within(read_by_sigmoid(model), SIGMOID_LIMIT)
        seen = seen.above(read_by_gate(model), GATE_LIMIT)
    in_float = recovered.left_in_float(weights)
    padded = "PADV2" in described.ops

    def apply(ranges: dict[str, Range]) -> bytes:
        return _apply(model, ranges, in_float, padded=padded)

    def run(quantized: bytes, indices: Sequence[int]) -> list[Answer]:
        return _run(quantized, images, indices)

    choice = recovered.choose_ranges(
        seen, outputs, methods, truth, lambda ranges, indices: run(apply(ranges), indices)
    )
    file.write_bytes(apply(choice.ranges))
    inline_weights(file)
    if padded:
        pad_with_zero_points(file)
    if recovered.scales:
        put_on_grid(file, model, recovered.grid_scales(weights))
    rewritten = dense_as_conv(file) if rewrite_dense else 0
    return IntegerNotes(
        scheme="int8 activations, int8 weights per channel",
        float_layers=request.options.get("float_layers", ()),
        calibration=images.notes(),
        ranges=choice.notes(),
        on_calibration_images=calibration_health(
            truth, run(file.read_bytes(), range(len(images))), {name: choice.ranges[name] for name in outputs}
        ),
        dense_as_conv=rewritten,
        tools={package: version(package) for package in _PACKAGES},
    )


def _cast(model: Path, file: Path) -> QuantizationNotes:
    """Store weights in float16; runtimes without float16 arithmetic compute in float32."""
    quantizer = Quantizer(str(model))
    quantizer.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(
                num_bits=16, dtype=qtyping.TensorDataType.FLOAT
            ),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        algorithm_key=AlgorithmName.FLOAT_CASTING,
    )
    file.write_bytes(quantized_bytes(quantizer, model, None))
    return QuantizationNotes(
        scheme="float16 weights", tools={package: version(package) for package in _PACKAGES}
    )


def _apply(model: Path, ranges: dict[str, Range], in_float: Sequence[str], *, padded: bool) -> bytes:
    """Return the int8 file of the native quantizer with the given ranges.

    Args:
        model: The float file.
        ranges: Ranges by tensor.
        in_float: Names of the output tensors of layers that stay in float.
        padded: Whether the file has paddings with a value of their own, which may be infinite.
    """
    content: bytes | str = str(model)
    if padded:
        content, ranges = with_finite_paddings(model, ranges)
    quantizer = Quantizer(content, recipe.static_wi8_ai8())
    for name in in_float:
        quantizer.update_quantization_recipe(
            regex=f"^{re.escape(name)};$",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    return quantized_bytes(
        quantizer,
        model,
        {
            name: {"min": np.array([bounds.low], np.float32), "max": np.array([bounds.high], np.float32)}
            for name, bounds in ranges.items()
        },
    )


def quantized_bytes(quantizer: Quantizer, model: Path, ranges: dict[str, dict[str, Any]] | None) -> bytes:
    """Quantize a model with the native quantizer and ranges by tensor name; return the file's bytes.

    Raises:
        InputError: An operation has no int8 form.
    """
    try:
        result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    except FAILURES as error:
        raise quantizer_refusal(model, ranges, error) from error
    return bytes(result.quantized_model)


def _run(quantized: bytes, images: Calibration, indices: Sequence[int]) -> list[Answer]:
    """Run an int8 model in LiteRT's shipping kernels; return each image's outputs, dequantized and flat."""
    interpreter = Interpreter(model_content=quantized, num_threads=1)
    try:
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the int8 file cannot be executed: {one_line(error)}",
            hint="a layer that answers every image alike has no range: leave it out, or train the network",
        ) from error
    entrance = interpreter.get_input_details()[0]
    exits = interpreter.get_output_details()
    scale, zero_point = entrance["quantization"]
    results = []
    for index in indices:
        levels = np.clip(np.rint(images[index] / scale) + zero_point, -128, 127)
        interpreter.set_tensor(entrance["index"], levels.astype(entrance["dtype"]))
        interpreter.invoke()
        results.append(tuple(_dequantized(interpreter, item) for item in exits))
    return results


def _dequantized(interpreter: Interpreter, output: dict[str, Any]) -> npt.NDArray[np.float32]:
    scale, zero_point = output["quantization"]
    levels: npt.NDArray[np.float32] = interpreter.get_tensor(output["index"]).astype(np.float32).ravel()
    return (levels - np.float32(zero_point)) * np.float32(scale)
