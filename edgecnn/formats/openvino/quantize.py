"""int8 and float16 OpenVINO files, by NNCF.

On x86 without VNNI the int8 kernels saturate. NNCF's overflow fix prevents it with weights of half the
range; here those weights then move to the smallest scales that cannot saturate, which keeps most of the
eighth bit (:mod:`edgecnn.compress.saturation`). NNCF's bias correction would correct the error of weights
that are not used, so it is left to instruction sets that need no such care.

The MIXED preset (symmetric weights, asymmetric activations) is right for every activation function, and
as good as the symmetric one where that is right.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import InputError
from edgecnn.formats.calibration import Calibration
from edgecnn.formats.health import calibration_health
from edgecnn.formats.openvino.inspect import FLOAT32, tensor_info
from edgecnn.formats.openvino.ir import openvino, read_model, write_model
from edgecnn.formats.openvino.weights import float_weights, replace_weights
from edgecnn.formats.options import check_known
from edgecnn.runtimes.isa import isa_named

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.formats.base import QuantizeRequest

ANY_ISA = "any"


def quantize(model: Path, file: Path, request: QuantizeRequest) -> dict[str, Any]:
    """Quantize a float IR; return notes for the manifest.

    Raises:
        UsageError: An option is unknown.
        InputError: The file or the calibration images cannot be used, or NNCF refuses the graph.
    """
    check_known(request.options, (), f"openvino {request.precision}")
    graph = read_model(model)
    if any(operation.get_type_name() == "FakeQuantize" for operation in graph.get_ops()):
        raise InputError(f"{model} is quantized already")
    if request.precision == "fp16":
        write_model(graph, file, half=True)
        return {"scheme": "float16 weights", "tools": {"openvino": version("openvino")}}
    images = Calibration.open(request, "NCHW", tensor_info(graph.inputs[0]))
    saturates = request.isa == ANY_ISA or isa_named(request.isa).int8_saturates
    truth = _run(graph, images)
    weights = float_weights(graph)
    quantized = _quantize(graph, model, images, saturates=saturates)
    if saturates:
        replace_weights(quantized, weights)
    outputs = _run(quantized, images)
    write_model(quantized, file)
    return {
        "scheme": "uint8 activations, int8 weights per channel, "
        + ("scales that cannot saturate pairwise multiply-add" if saturates else "all 8 bits"),
        "calibration": images.notes(),
        "ranges": {"method": "NNCF average of minimum and maximum"},
        "bias_correction": "none" if saturates else "fast",
        "on_calibration_images": calibration_health(truth, outputs, []),
        "tools": {package: version(package) for package in ("openvino", "nncf")},
    }


def _quantize(graph: openvino.Model, name: Path, images: Calibration, *, saturates: bool) -> openvino.Model:
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    try:
        return nncf.quantize(
            graph,
            nncf.Dataset(range(len(images)), images.__getitem__),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            fast_bias_correction=True,
            advanced_parameters=AdvancedQuantizationParameters(
                overflow_fix=OverflowFix.ENABLE if saturates else OverflowFix.DISABLE,
                disable_bias_correction=saturates,
            ),
        )
    except (nncf.ValidationError, nncf.InternalError, nncf.UnsupportedModelError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{name} cannot be quantized: {reason}") from error


def _run(graph: openvino.Model, images: Calibration) -> list[npt.NDArray[np.float32]]:
    """Return each image's outputs in the shipping kernels, flattened."""
    properties = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, **FLOAT32}
    request = openvino.Core().compile_model(graph, "CPU", properties).create_infer_request()
    ports = range(len(graph.outputs))
    results = []
    for image in images:
        request.infer([image])
        results.append(np.concatenate([request.get_output_tensor(port).data.ravel() for port in ports]))
    return results
