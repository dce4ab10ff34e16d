"""Inspection of a TFLite file without a runtime: the file states the types of every operator."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from edgecnn.backends.integer_macs import integer_share
from edgecnn.backends.tflite.flatbuffer import element_count, operator_name, read_model, shape_of, type_name
from edgecnn.backends.tflite.layers import INTEGERS, layers_of
from edgecnn.core.documents.inspection import Inspection
from edgecnn.ondevice.tensor import TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

_MOVES = frozenset(
    {
        "QUANTIZE",
        "DEQUANTIZE",
        "RESHAPE",
        "TRANSPOSE",
        "SQUEEZE",
        "EXPAND_DIMS",
        "CAST",
        "SHAPE",
        "PACK",
        "UNPACK",
        "SLICE",
        "STRIDED_SLICE",
        "SPLIT",
        "GATHER",
        "CONCATENATION",
        "PAD",
        "PADV2",
    }
)
"""Operators that move values or change their type; all others compute values."""

_FLOATS = ("float32", "float16", "float64", "bfloat16")
_BYTES = ("int8", "uint8")


def inspect(file: Path) -> Inspection:
    """Read precision, operators, inputs and outputs of a TFLite file.

    Raises:
        InputError: The file is not TFLite, or it is truncated or damaged.
    """
    model = read_model(file)
    operators = [(graph, operator) for graph in model.subgraphs for operator in graph.operators]
    names = [operator_name(model, operator) for _, operator in operators]
    computing = [
        (_result(graph, operator), operator)
        for (graph, operator), name in zip(operators, names, strict=True)
        if name not in _MOVES
    ]
    kinds = [type_name(tensor) for tensor, _ in computing]
    floats = [tensor for (tensor, _), kind in zip(computing, kinds, strict=True) if kind in _FLOATS]
    main = model.subgraphs[0]
    constants = _constants(model)
    return Inspection(
        format="tflite",
        precision=_precision(kinds, constants),
        ops=dict(sorted(Counter(names).items())),
        float_op_names=tuple(tensor.name.decode("utf-8") for tensor in floats),
        integer_macs=integer_share(
            ((layer.macs, layer.integer) for layer in layers_of(model)), len(computing), len(floats)
        ),
        transposes=names.count("TRANSPOSE"),
        transpose_names=tuple(
            _result(graph, operator).name.decode("utf-8")
            for (graph, operator), name in zip(operators, names, strict=True)
            if name == "TRANSPOSE"
        ),
        inputs=tuple(_describe(main.tensors[index]) for index in main.inputs),
        outputs=tuple(_describe(main.tensors[index]) for index in main.outputs),
        parameters=sum(element_count(tensor) for tensor in constants),
        size_bytes=file.stat().st_size,
        details={
            "schema": int(model.version),
            "producer": (model.description or b"").decode("utf-8", errors="replace"),
            "weight_types": dict(sorted(Counter(type_name(tensor) for tensor in constants).items())),
        },
    )


def _result(graph: Any, operator: Any) -> Any:
    """Return the tensor whose type an operator computes in: its first output."""
    return graph.tensors[operator.outputs[0]]


def _constants(model: Any) -> list[Any]:
    """Return weights and biases: constants of two dimensions or more, or constants that a layer adds."""
    found = {}
    for graph_index, graph in enumerate(model.subgraphs):
        for operator in graph.operators:
            if operator_name(model, operator) in _MOVES - {"DEQUANTIZE"}:
                continue
            for index in operator.inputs:
                if index >= 0 and _is_weight(model, graph.tensors[index]):
                    found[graph_index, index] = graph.tensors[index]
    return list(found.values())


def _is_weight(model: Any, tensor: Any) -> bool:
    """Return whether a tensor is a constant of learnt numbers, not of axes or sizes."""
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) == 0:
        return False
    return type_name(tensor) in (*_FLOATS, *_BYTES, "int4") or _is_quantized(tensor)


def _is_quantized(tensor: Any) -> bool:
    quantization = tensor.quantization
    return quantization is not None and quantization.scale is not None and len(quantization.scale) > 0


def _precision(kinds: list[str], constants: list[Any]) -> str:
    """Return the precision of the computing operators; float with float16 weights counts as fp16."""
    # Comparisons and indices are neither.
    integers, floats = (any(kind in group for kind in kinds) for group in (INTEGERS, _FLOATS))
    if integers or not floats:
        return "mixed" if floats else "int8"
    return "fp16" if any(type_name(tensor) == "float16" for tensor in constants) else "fp32"


def _describe(tensor: Any) -> TensorInfo:
    """Describe a graph input or output, with the scale if the whole tensor has one."""
    signature = tensor.shapeSignature
    shape = shape_of(tensor) if signature is None else tuple(int(size) for size in signature)
    scale, zero_point = None, None
    if _is_quantized(tensor) and len(tensor.quantization.scale) == 1:
        scale = float(tensor.quantization.scale[0])
        zero_point = int(tensor.quantization.zeroPoint[0])
    return TensorInfo(
        tensor.name.decode("utf-8"), shape, type_name(tensor), scale, zero_point, channels_last=True
    )
