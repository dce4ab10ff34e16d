"""int8 OpenVINO files, by NNCF with our ranges and our scales, and float16 ones.

NNCF decides which tensors are quantized. On x86 without VNNI the int8 kernels saturate. NNCF's overflow fix
prevents that with weights of half the range; here they get the smallest scales that cannot saturate, which
keeps most of the eighth bit (:mod:`edgecnn.quantization.grids`).

The MIXED preset (symmetric weights, asymmetric activations) suits every activation function, and is as good
as the symmetric one where that suits.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.calibration_check import calibration_health
from edgecnn.backends.kernels import kernels_of
from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.inspect import FLOAT32, tensor_info
from edgecnn.backends.openvino.ir import openvino, read_model, write_model
from edgecnn.backends.openvino.observe import observe
from edgecnn.backends.openvino.ranges import (
    concatenations,
    quantized_tensors,
    tensors_by_channel,
    write_ranges,
)
from edgecnn.backends.openvino.weights import float_weights, kernels, replace_weights
from edgecnn.backends.options import INT8_OPTIONS, check_known, needs_samples, ranges_option
from edgecnn.backends.recovered import Recovered
from edgecnn.core.documents.quantization import IntegerNotes, QuantizationNotes
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.quantization.concat_ranges import refuse_conflicts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.backends.format import QuantizeRequest
    from edgecnn.quantization.ranges import Range
    from edgecnn.quantization.sqnr import Answer

_IMAGES_TO_PLACE = 4


def quantize(model: Path, file: Path, request: QuantizeRequest) -> QuantizationNotes:
    """Quantize a float IR; return notes for the manifest.

    Raises:
        UsageError: An option is unknown.
        InputError: The file or the calibration images cannot be used, or NNCF rejects the graph.
    """
    graph = read_model(model)
    if any(operation.get_type_name() == "FakeQuantize" for operation in graph.get_ops()):
        raise InputError(f"{model} is quantized already")
    if request.precision == "fp16":
        check_known(request.options, (), "openvino fp16")
        write_model(graph, file, half=True)
        return QuantizationNotes(scheme="float16 weights", tools={"openvino": version("openvino")})
    check_known(request.options, INT8_OPTIONS, "openvino int8")
    methods = ranges_option(request.options)
    images = Calibration.open(request, "NCHW", tensor_info(graph.inputs[0]))
    scheme = kernels_of("openvino", request.isa).weights
    recovered = Recovered.of(request)
    weights = float_weights(graph)
    in_float = recovered.left_in_float(kernels(weights))
    quantized = _quantize(graph, model, images, in_float)
    weights = {name: array for name, array in weights.items() if name not in in_float}
    replace_weights(quantized, weights, recovered.grid_scales(kernels(weights)), scheme=scheme)
    sources = set(quantized_tensors(quantized).values())
    # Training gives one range per tensor.
    channels = tensors_by_channel(quantized) if recovered.trained is None else {}
    seen, truth = observe(graph, sources, images, channels=channels, sampled=needs_samples(methods))
    refuse_conflicts(seen, concatenations(quantized))
    if recovered.trained is None:
        seen = images.exactly(seen, graph.get_parameters()[0].get_friendly_name())

    def run(ranges: dict[str, Range], indices: Sequence[int]) -> list[Answer]:
        write_ranges(quantized, ranges)
        return _run(quantized, images, indices)

    choice = recovered.choose_ranges(seen, (), methods, truth, run)
    outputs = run(choice.ranges, range(len(images)))
    write_model(quantized, file)
    return IntegerNotes(
        scheme="uint8 activations, int8 weights per channel, "
        + ("scales that cannot saturate pairwise multiply-add" if scheme != "symmetric" else "all 8 bits"),
        float_layers=request.options.get("float_layers", ()),
        calibration=images.notes(),
        ranges=choice.notes(),
        on_calibration_images=calibration_health(
            truth, outputs, dict.fromkeys(tensor_info(port).name for port in graph.outputs)
        ),
        tools={package: version(package) for package in ("openvino", "nncf")},
    )


def _quantize(
    graph: openvino.Model, name: Path, images: Calibration, in_float: Sequence[str]
) -> openvino.Model:
    """Let NNCF insert FakeQuantize; a few images suffice, because ranges and weights are replaced."""
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    few = min(len(images), _IMAGES_TO_PLACE)
    try:
        return nncf.quantize(
            graph,
            nncf.Dataset(range(few), images.__getitem__),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=few,
            ignored_scope=nncf.IgnoredScope(names=list(in_float)) if in_float else None,
            advanced_parameters=AdvancedQuantizationParameters(
                overflow_fix=OverflowFix.DISABLE, disable_bias_correction=True
            ),
        )
    except (nncf.ValidationError, nncf.InternalError, nncf.UnsupportedModelError, RuntimeError) as error:
        raise InputError(
            f"{name} cannot be quantized: {one_line(error)}",
            hint="leave the layer that it names in float with quantize.float_layers, or take the target "
            "openvino-fp16",
        ) from error


def _run(graph: openvino.Model, images: Calibration, indices: Sequence[int]) -> list[Answer]:
    """Return the outputs of some images in the shipping kernels, flattened."""
    properties = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, **FLOAT32}
    request = core().compile_model(graph, "CPU", properties).create_infer_request()
    ports = range(len(graph.outputs))
    results = []
    for index in indices:
        request.infer([images[index]])
        results.append(tuple(request.get_output_tensor(port).data.flatten() for port in ports))
    return results
