"""int8 for ONNX Runtime: quantize/dequantize pairs by its own quantizer, with our ranges and our scales.

The scheme depends on the instruction set that the target declares:

==================  =========================================================================
x86 without VNNI    uint8 activations, int8 weights per channel whose scales cannot saturate
                    the pairwise multiply-add (:mod:`edgecnn.quantization.grids`); depthwise
                    kernels widen before they add, and keep all 8 bits
x86 with VNNI       uint8 activations, int8 weights per channel, all 8 bits
Arm                 the same: its kernels also take uint8 activations, and none saturates
any                 as x86 without VNNI, which is correct everywhere
==================  =========================================================================
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.calibration_check import calibration_health
from edgecnn.backends.kernels import kernels_of
from edgecnn.backends.onnx.float_only import float_only
from edgecnn.backends.onnx.layers import concatenations, find_layers, in_float, read_by_gate, read_by_sigmoid
from edgecnn.backends.onnx.observe import observe
from edgecnn.backends.onnx.rewrite import AnswerInFloat, KeepInFloat, rewrite
from edgecnn.backends.onnx.session import open_session, read_model, run_flat, tensor_infos
from edgecnn.backends.options import INT8_OPTIONS, check_known, needs_samples, ranges_option, switch_option
from edgecnn.backends.recovered import Recovered
from edgecnn.core.documents.quantization import IntegerNotes
from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.imported.onnx_graph import infer_shapes, link
from edgecnn.quantization.concat_ranges import refuse_conflicts
from edgecnn.quantization.grids import weight_scales
from edgecnn.quantization.ranges import GATE_LIMIT, SIGMOID_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx_ir as ir

    from edgecnn.backends.format import QuantizeRequest
    from edgecnn.quantization.kernels import Scheme
    from edgecnn.quantization.ranges import Range
    from edgecnn.quantization.sqnr import Answer

_QUANTIZED = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger"})


def quantize(model: Path, file: Path, request: QuantizeRequest) -> IntegerNotes:
    """Quantize a float ONNX file to int8; return notes for the manifest.

    Raises:
        UsageError: The precision is not int8, or an option is unknown.
        InputError: The file or the calibration images cannot be used.
    """
    if request.precision != "int8":
        raise UsageError(
            f"onnx has no {request.precision}; ONNX Runtime's CPU kernels compute in float32 or int8"
        )
    check_known(request.options, (*INT8_OPTIONS, "integer_outputs"), "onnx int8")
    methods = ranges_option(request.options)
    weights = kernels_of("onnx", request.isa).weights
    float_model = _read_float(model)
    images = Calibration.open(request, "NCHW", tensor_infos(float_model.graph.input)[0])
    linked = link(float_model, model)
    seen, truth = observe(linked, model, images, sampled=needs_samples(methods))
    refuse_conflicts(seen, concatenations(linked.graph))
    recovered = Recovered.of(request)
    if recovered.trained is None:
        seen = images.exactly(seen, float_model.graph.input[0].name)
        seen = seen.within(read_by_sigmoid(linked.graph), SIGMOID_LIMIT)
        seen = seen.above(read_by_gate(linked.graph), GATE_LIMIT)
    scheme = _scheme(
        linked.graph,
        recovered,
        weights=weights,
        integer_outputs=switch_option(request.options, "integer_outputs"),
    )

    def run(quantized: onnx.ModelProto, indices: Sequence[int]) -> list[Answer]:
        session = open_session(quantized, file, onnxruntime.SessionOptions())
        return run_flat(session, (images[index] for index in indices))

    outputs = [value.name for value in float_model.graph.output]
    choice = recovered.choose_ranges(
        seen,
        outputs,
        methods,
        truth,
        lambda ranges, indices: run(_insert(float_model, ranges, scheme), indices),
    )
    quantized = _insert(float_model, choice.ranges, scheme)
    onnx.save_model(quantized, file)
    return IntegerNotes(
        scheme="uint8 activations, int8 weights per channel, "
        + ("scales that cannot saturate pairwise multiply-add" if weights != "symmetric" else "all 8 bits"),
        float_layers=request.options.get("float_layers", ()),
        calibration=images.notes(),
        ranges=choice.notes(),
        on_calibration_images=calibration_health(
            truth, run(quantized, range(len(images))), _grids(quantized, choice.ranges)
        ),
        tools={package: version(package) for package in ("onnx", "onnxruntime")},
    )


def _grids(quantized: onnx.ModelProto, ranges: dict[str, Range]) -> dict[str, Range | None]:
    """Return every output's range; None for an output that is not quantized."""
    makers = {name: node.op_type for node in quantized.graph.node for name in node.output}
    names = [value.name for value in quantized.graph.output]
    return {name: ranges[name] if makers.get(name) == "DequantizeLinear" else None for name in names}


def _read_float(file: Path) -> onnx.ModelProto:
    """Read a float model with the types of all its tensors."""
    model = read_model(file)
    if any(node.op_type in _QUANTIZED for node in model.graph.node):
        raise InputError(f"{file} is quantized already")
    return infer_shapes(model, file)


@dataclass(frozen=True)
class _Scheme:
    """The quantization of weights, and the parts that stay in float.

    Attributes:
        overrides: The native quantizer's overrides, by weight name.
        excluded: Names of the nodes that stay in float.
        integer_outputs: Whether outputs of dense layers are quantized too, as NPUs need.
        known: The native quantizer's scales of all weights, once it has computed them.
    """

    overrides: dict[str, list[dict[str, Any]]]
    excluded: list[str]
    integer_outputs: bool
    known: dict[str, Any] = field(default_factory=dict)


class _Quantizer(QDQQuantizer):  # type: ignore[misc]  # onnxruntime has no types
    """The native quantizer, which computes the scales of weights once for all ranges that are tried.

    Args:
        known: The scales of an earlier quantizer of the same model and scheme; empty before the first.
        arguments: Those of the native quantizer.
        options: Those of the native quantizer.
    """

    def __init__(self, known: dict[str, Any], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known = known

    def _calc_initializer_quant_params(self) -> dict[str, Any]:
        if not self._known:
            self._known.update(super()._calc_initializer_quant_params())
        # The quantizer then enlarges in place those with which a bias would overflow at the given ranges.
        return copy.deepcopy(self._known)


def _insert(model: onnx.ModelProto, ranges: dict[str, Range], scheme: _Scheme) -> onnx.ModelProto:
    """Return the model with quantize/dequantize pairs at the given ranges."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    tensors = {
        name: TensorData(lowest=np.float32(bounds.low), highest=np.float32(bounds.high))
        for name, bounds in ranges.items()
    }
    quantizer = _Quantizer(
        scheme.known,
        copied,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, tensors),
        nodes_to_quantize=[],
        nodes_to_exclude=scheme.excluded,
        op_types_to_quantize=sorted({node.op_type for node in model.graph.node}),
        extra_options={"TensorQuantOverrides": scheme.overrides},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized: onnx.ModelProto = quantizer.model.model
    answers = [] if scheme.integer_outputs else [AnswerInFloat(), RemoveUnusedNodesPass()]
    rewrite(quantized, *answers, KeepInFloat(scheme.excluded))
    return quantized


def _scheme(graph: ir.Graph, recovered: Recovered, *, weights: Scheme, integer_outputs: bool) -> _Scheme:
    """Choose every layer's weight scales: given ones, or safe ones if the kernels saturate."""
    layers = find_layers(graph)
    found = {layer.name: layer.kernel for layer in layers}
    given = recovered.grid_scales(found)
    overrides = {}
    for layer in layers:
        if layer.name in given:
            scales = given[layer.name]
        elif weights != "symmetric" and not layer.depthwise:
            scales = weight_scales(layer.kernel, weights, depthwise=False)
        else:
            continue
        overrides[layer.weight] = [
            {"axis": layer.axis, "quant_type": QuantType.QInt8, "scale": scale, "zero_point": np.int8(0)}
            for scale in scales
        ]
    excluded = sorted({*in_float(graph, recovered.left_in_float(found)), *float_only(graph)})
    return _Scheme(overrides, excluded, integer_outputs)
