"""Inspection of an OpenVINO IR by the operations that the CPU plugin makes of it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.integer_macs import integer_share
from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.ir import REFUSALS, openvino, read_model, refused
from edgecnn.core.documents.inspection import Inspection
from edgecnn.ondevice.tensor import TensorInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""Setting without which the plugin computes float layers in the CPU's 16-bit type, if it has one."""

_MOVES = frozenset(
    {
        "FakeQuantize",
        "Reorder",
        "Reshape",
        "Convert",
        "Transpose",
        "Concatenation",
        "Split",
        "Pad",
        "StridedSlice",
        "Gather",
    }
)
"""Layers of the runtime that move values or change their type; all others compute values."""

_ENDS = frozenset({"Const", "Input", "Output"})
_INTEGERS = ("u8", "i8")
_MULTIPLYING = frozenset(
    {
        "Convolution",
        "GroupConvolution",
        "ConvolutionBackpropData",
        "GroupConvolutionBackpropData",
        "MatMul",
    }
)
_LEARNT = frozenset({"Convolution", "GroupConvolution", "MatMul", "Add"})
_PASSING = frozenset({"Convert", "Subtract", "Multiply", "Reshape", "FakeQuantize"})


@dataclass(frozen=True)
class _Layer:
    """A layer that the runtime executes: its name, its type, the type that it computes in, its origins."""

    name: str
    kind: str
    precision: str
    origins: tuple[str, ...] = ()


def inspect(file: Path) -> Inspection:
    """Return an IR's properties and the operations that the CPU plugin executes for it.

    Raises:
        InputError: The file is not an IR, is truncated, or the CPU plugin rejects it.
    """
    graph = read_model(file)
    quantizers = {
        item.get_friendly_name() for item in graph.get_ops() if item.get_type_name() == "FakeQuantize"
    }
    try:
        compiled = core().compile_model(graph, "CPU", FLOAT32)
    except REFUSALS as error:
        raise refused(file, error) from error
    layers = list(_layers(compiled.get_runtime_model(), quantizers))
    computing = [layer for layer in layers if layer.kind not in _MOVES]
    weights = _weights(graph)
    types = Counter(item.get_element_type().get_type_name() for item in weights)
    floats = tuple(layer.name for layer in computing if layer.precision not in _INTEGERS)
    return Inspection(
        format="openvino",
        precision=_precision(len(computing), len(floats), half=types["f16"] > 0),
        ops=dict(sorted(Counter(layer.kind for layer in layers).items())),
        float_op_names=floats,
        integer_macs=integer_share(_macs(graph, layers), len(computing), len(floats)),
        transposes=sum(layer.kind == "Transpose" for layer in layers),
        transpose_names=tuple(layer.name for layer in layers if layer.kind == "Transpose"),
        inputs=tuple(tensor_info(port) for port in graph.inputs),
        outputs=tuple(tensor_info(port) for port in graph.outputs),
        parameters=sum(_size(item) for item in weights),
        size_bytes=file.stat().st_size + file.with_suffix(".bin").stat().st_size,
        details={
            "weight_types": dict(sorted(types.items())),
            "file_ops": dict(sorted(Counter(item.get_type_name() for item in graph.get_ops()).items())),
            "layer_types": dict(sorted(Counter(f"{item.kind} {item.precision}" for item in layers).items())),
            "compiled_by": f"openvino {openvino.__version__.partition('-')[0]}",
        },
    )


def tensor_info(port: openvino.Output) -> TensorInfo:
    """Describe an input or output of a graph; a dynamic dimension is -1."""
    shape = tuple(-1 if size.is_dynamic else size.get_length() for size in port.get_partial_shape())
    names = sorted(port.get_names()) or [port.get_node().get_friendly_name()]
    return TensorInfo(names[0], shape, port.get_element_type().to_dtype().name)


def _layers(runtime: openvino.Model, quantizers: set[str]) -> Iterator[_Layer]:
    """Yield executed layers, without constants and what is computed from constants alone."""
    for node in runtime.get_ordered_ops():
        notes = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        kind = notes["layerType"]
        if kind in _ENDS or _is_constant(node):
            continue
        origins = [name for name in notes["originalLayersNames"].split(",") if name]
        # The plugin merges elementwise operations into generated code; code of quantizers alone is a
        # quantizer.
        if origins and quantizers.issuperset(origins):
            kind = "FakeQuantize"
        yield _Layer(node.get_friendly_name(), kind, notes["runtimePrecision"], tuple(origins))


def _macs(graph: openvino.Model, layers: Sequence[_Layer]) -> Iterator[tuple[int, bool]]:
    """Yield every layer's multiply-accumulates, with 1 for an open size, and whether it is integer."""
    integer = {name for layer in layers if layer.precision in _INTEGERS for name in layer.origins}
    for operation in graph.get_ops():
        kind = operation.get_type_name()
        if kind not in _MULTIPLYING:
            continue
        source, weights = (_sizes(port) for port in operation.inputs()[:2])
        result = math.prod(_sizes(operation.output(0)))
        match kind:
            case "Convolution":  # weights [out, in, height, width]
                macs = result * math.prod(weights[1:])
            case "GroupConvolution":  # weights [groups, out, in, height, width]
                macs = result * math.prod(weights[2:])
            case "ConvolutionBackpropData":  # weights [in, out, height, width]
                macs = math.prod(source) * math.prod(weights[1:])
            case "GroupConvolutionBackpropData":  # weights [groups, in, out, height, width]
                macs = math.prod(source) * math.prod(weights[2:])
            case _:
                macs = (
                    result
                    * source[-2 if operation.get_attributes()["transpose_a"] and len(source) > 1 else -1]
                )
        yield macs, any(_merged(operation.get_friendly_name(), name) for name in integer)


def _merged(operation: str, origin: str) -> bool:
    """Return whether a layer's origin is an operation, whose rewritten form has a suffix after a slash."""
    return origin == operation or origin.startswith(f"{operation}/")


def _sizes(port: openvino.Input | openvino.Output) -> list[int]:
    return [1 if size.is_dynamic else size.get_length() for size in port.get_partial_shape()]


def _is_constant(node: openvino.Node) -> bool:
    sources = [port.get_source_output().get_node() for port in node.inputs()]
    return bool(sources) and all(
        source.get_rt_info()["layerType"].astype(str) == "Const" for source in sources
    )


def _precision(computing: int, floats: int, *, half: bool) -> str:
    """Return the precision of the computing operations; float with float16 weights counts as fp16."""
    if floats < computing:
        return "mixed" if floats else "int8"
    return "fp16" if half else "fp32"


def _weights(graph: openvino.Model) -> Sequence[openvino.Node]:
    """Return the constants that layers multiply by or add, found through their dequantization."""
    found: dict[str, openvino.Node] = {}
    for operation in graph.get_ordered_ops():
        if operation.get_type_name() not in _LEARNT:
            continue
        for port in operation.inputs():
            node = port.get_source_output().get_node()
            while node.get_type_name() in _PASSING:
                node = node.input(0).get_source_output().get_node()
            if node.get_type_name() == "Constant":
                found[node.get_friendly_name()] = node
    return list(found.values())


def _size(constant: openvino.Node) -> int:
    count = 1
    for extent in constant.output(0).get_shape():
        count *= extent
    return count
