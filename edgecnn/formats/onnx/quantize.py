"""int8 for ONNX Runtime: quantize/dequantize pairs by its own quantizer, with our ranges and our scales.

The scheme follows the instruction set that the target declares:

==================  =========================================================================
x86 without VNNI    uint8 activations, int8 weights per channel whose scales cannot saturate
                    the pairwise multiply-add (:mod:`edgecnn.compress.saturation`); depthwise
                    kernels widen before they add, and keep all 8 bits
x86 with VNNI       uint8 activations, int8 weights per channel, all 8 bits
Arm                 the same: its kernels take uint8 activations as well, and none saturates
any                 as x86 without VNNI: right everywhere
==================  =========================================================================
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from edgecnn.compress.ranges import Choice, Range, choose, estimate
from edgecnn.compress.saturation import pair_safe_scales
from edgecnn.errors import InputError, UsageError
from edgecnn.formats.calibration import Calibration
from edgecnn.formats.health import calibration_health
from edgecnn.formats.onnx.observe import observe
from edgecnn.formats.onnx.session import open_session, read_model, run_flat, tensor_infos
from edgecnn.formats.options import check_known, extremes_option
from edgecnn.runtimes.isa import isa_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.formats.base import QuantizeRequest

ANY_ISA = "any"
_QUANTIZED = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger"})


def quantize(model: Path, file: Path, request: QuantizeRequest) -> dict[str, Any]:
    """Quantize a float ONNX file to int8; return notes for the manifest.

    Raises:
        UsageError: The precision is not int8, or an option is unknown.
        InputError: The file or the calibration images cannot be used.
    """
    if request.precision != "int8":
        raise UsageError(
            f"onnx has no {request.precision}; ONNX Runtime's CPU kernels compute in float32 or int8"
        )
    check_known(request.options, ("extremes",), "onnx int8")
    extremes = extremes_option(request.options)
    saturates = request.isa == ANY_ISA or isa_named(request.isa).int8_saturates
    float_model = _read_float(model)
    images = Calibration.open(request, "NCHW", tensor_infos(float_model.graph.input)[0])
    seen, truth = observe(float_model, model, images)
    overrides = _pair_safe(float_model) if saturates else {}

    def run(quantized: onnx.ModelProto, indices: Sequence[int]) -> list[npt.NDArray[np.float32]]:
        session = open_session(quantized, file, onnxruntime.SessionOptions())
        return run_flat(session, (images[index] for index in indices))

    outputs = [value.name for value in float_model.graph.output]
    if extremes is None:
        choice = choose(
            seen,
            outputs,
            truth,
            lambda ranges, indices: run(_insert(float_model, ranges, overrides), indices),
        )
    else:
        choice = Choice(estimate(seen, outputs, extremes), extremes, {})
    quantized = _insert(float_model, choice.ranges, overrides)
    onnx.save_model(quantized, file)
    return {
        "scheme": "uint8 activations, int8 weights per channel, "
        + ("scales that cannot saturate pairwise multiply-add" if saturates else "all 8 bits"),
        "calibration": images.notes(),
        "ranges": choice.notes(),
        "on_calibration_images": calibration_health(
            truth, run(quantized, range(len(images))), [choice.ranges[name] for name in outputs]
        ),
        "tools": {package: version(package) for package in ("onnx", "onnxruntime")},
    }


def _read_float(file: Path) -> onnx.ModelProto:
    """Read a float model with the types of all its tensors."""
    model = read_model(file)
    if any(node.op_type in _QUANTIZED for node in model.graph.node):
        raise InputError(f"{file} is quantized already")
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the shapes of {file} cannot be inferred: {reason}") from error


def _insert(
    model: onnx.ModelProto, ranges: dict[str, Range], overrides: dict[str, list[dict[str, Any]]]
) -> onnx.ModelProto:
    """Return the model with quantize/dequantize pairs at the given ranges."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    tensors = {
        name: TensorData(lowest=np.float32(bounds.low), highest=np.float32(bounds.high))
        for name, bounds in ranges.items()
    }
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, tensors),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=sorted({node.op_type for node in model.graph.node}),
        extra_options={"TensorQuantOverrides": overrides},
    )
    quantizer.quantize_model()
    quantized: onnx.ModelProto = quantizer.model.model
    return quantized


def _pair_safe(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Return the weight scales of every layer whose kernel adds products in pairs, by weight name.

    Convolutions accumulate in the order height, width, channel (their activations are NHWC inside the
    runtime), fully connected layers along the input features.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    overrides = {}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in weights:
            continue
        kernel = onnx.numpy_helper.to_array(weights[node.input[1]])
        attributes = {item.name: item for item in node.attribute}
        if node.op_type == "Conv":
            if kernel.shape[1] == 1 and attributes["group"].i == len(kernel):
                continue  # depthwise
            axis, rows = 0, np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1)
        elif node.op_type == "Gemm" and "transB" in attributes and attributes["transB"].i:
            axis, rows = 0, kernel
        else:
            axis, rows = 1, kernel.T
        overrides[node.input[1]] = [
            {"axis": axis, "quant_type": QuantType.QInt8, "scale": scale, "zero_point": np.int8(0)}
            for scale in pair_safe_scales(rows)
        ]
    return overrides
