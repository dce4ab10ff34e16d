"""TFLite files as objects: bounded reading, renaming, writing."""

from __future__ import annotations

import math
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 2**31 - 1
"""Limit of a flatbuffer's offsets."""

MAX_PARTS = 50_000
"""Most tables of a file, such as tensors and operators; the largest CNNs have some thousands."""

MAX_NUMBERS = 5_000_000
"""Most numbers in the lists of all tables: inputs of operators, shapes, scales; weights do not count."""

_IDENTIFIER = b"TFL3"
_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_TYPE_NAMES = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}


def read_model(file: Path) -> Any:
    """Read a TFLite file as ``schema.ModelT``; weights are views on the file's bytes.

    Raises:
        InputError: The file is missing, too large, truncated, of another format, or has an invalid reference.
    """
    if not is_file(file):
        raise InputError(f"there is no file {file}")
    if file.stat().st_size > MAX_BYTES:
        raise InputError(f"{file} is larger than a TFLite file can be (2 GiB)")
    data = file.read_bytes()
    if data[4:8] != _IDENTIFIER:
        raise InputError(f"{file} is not a TFLite file")
    try:
        _check_limits(data)
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
        _weights_as_arrays(model)
        _check_references(model)
    except _TooMany as error:
        raise InputError(f"{file} is refused: {error}") from None
    # Errors of the generated reader at an invalid offset.
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{file} is a damaged or truncated TFLite file") from error
    return model


def _weights_as_arrays(model: Any) -> None:
    """Make arrays of the weights that lie behind the flatbuffer, which the writer takes byte by byte."""
    for buffer in model.buffers:
        if isinstance(buffer.data, bytearray):
            buffer.data = np.frombuffer(buffer.data, np.uint8)


class _TooMany(ValueError):
    """A file has more parts than are accepted."""


def _check_limits(data: bytes) -> None:
    """Raise an error if a file has too many parts.

    Offsets may point to one table many times, so that a small file would grow to any size in memory.
    """
    model = schema.Model.GetRootAs(data, 0)
    parts = model.SubgraphsLength() + model.OperatorCodesLength() + model.BuffersLength()
    parts += model.MetadataLength() + model.SignatureDefsLength()
    _check_count(parts, MAX_PARTS)
    names = numbers = 0
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        parts += graph.TensorsLength() + graph.OperatorsLength()
        _check_count(parts, MAX_PARTS)
        numbers += graph.InputsLength() + graph.OutputsLength()
        numbers += sum(_operator_numbers(graph.Operators(place)) for place in range(graph.OperatorsLength()))
        for place in range(graph.TensorsLength()):
            tensor = graph.Tensors(place)
            names += len(tensor.Name() or b"")
            numbers += _tensor_numbers(tensor)
            parts += tensor.VariantTensorsLength()
            if tensor.Sparsity() is not None:
                parts += tensor.Sparsity().DimMetadataLength()
            _check_count(names, len(data))
            _check_count(parts, MAX_PARTS)
        _check_count(numbers, MAX_NUMBERS)
    for number in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(number)
        parts += signature.InputsLength() + signature.OutputsLength()
        _check_count(parts, MAX_PARTS)


def _operator_numbers(operator: Any) -> int:
    numbers = operator.InputsLength() + operator.OutputsLength() + operator.IntermediatesLength()
    return int(numbers + operator.MutatingVariableInputsLength())


def _tensor_numbers(tensor: Any) -> int:
    numbers, quantization = tensor.ShapeLength() + tensor.ShapeSignatureLength(), tensor.Quantization()
    if quantization is not None:
        numbers += quantization.ScaleLength() + quantization.ZeroPointLength()
        numbers += quantization.MinLength() + quantization.MaxLength()
    return int(numbers)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise _TooMany(f"it has {count} parts, and more than {most} are not accepted")


def _check_references(model: Any) -> None:
    """Raise IndexError or TypeError if a graph has an invalid reference."""
    if len(model.subgraphs) == 0 or len(model.subgraphs[0].operators) == 0:
        raise IndexError
    for graph in model.subgraphs:
        count = len(graph.tensors)
        for operator in graph.operators:
            model.operatorCodes[_natural(operator.opcodeIndex)]
            for index in (*operator.inputs, *operator.outputs):
                if not -1 <= index < count:
                    raise IndexError
            _check_operator(operator_name(model, operator), graph, operator)
        for index in (*graph.inputs, *graph.outputs):
            graph.tensors[_natural(index)]
        for tensor in graph.tensors:
            tensor.name.decode("utf-8")
            _check_quantization(tensor.quantization)
            _check_size(model.buffers[_natural(tensor.buffer)], tensor)


def _check_operator(name: str, graph: Any, operator: Any) -> None:
    """Raise IndexError if an operator computes nothing, or lacks weights of the rank that it needs."""
    _natural(operator.outputs[0])
    if name in WEIGHTED:
        weights = graph.tensors[_natural(operator.inputs[1])]
        graph.tensors[_natural(operator.inputs[2 if name == "TRANSPOSE_CONV" else 0])]
        if len(weights.shape) < WEIGHTED[name]:
            raise IndexError


def _check_quantization(quantization: Any) -> None:
    """Raise TypeError or ValueError if a scale has no zero point."""
    scale = None if quantization is None else quantization.scale
    if scale is not None and len(scale) != len(quantization.zeroPoint):
        raise ValueError


WEIGHTED = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "TRANSPOSE_CONV": 4, "FULLY_CONNECTED": 2}
"""Operators with weights, and the number of dimensions of these."""


def _check_size(buffer: Any, tensor: Any) -> None:
    """Raise ValueError if the size of a constant differs from its shape, as after truncation."""
    width = _BYTES.get(tensor.type)
    if buffer.data is None or len(buffer.data) == 0 or width is None:
        return
    if len(buffer.data) != element_count(tensor) * width:
        raise ValueError


_BYTES = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.FLOAT16: 2,
    schema.TensorType.INT8: 1,
    schema.TensorType.UINT8: 1,
    schema.TensorType.INT16: 2,
    schema.TensorType.INT32: 4,
    schema.TensorType.INT64: 8,
}


def _natural(index: int) -> int:
    """Return an index after refusing negative ones, which Python would count from the end."""
    if index < 0:
        raise IndexError
    return index


def element_count(tensor: Any) -> int:
    """Return the number of elements of a tensor; a scalar has one."""
    return math.prod(shape_of(tensor))


def shape_of(tensor: Any) -> tuple[int, ...]:
    """Return a tensor's shape; a file may say nothing of that of a scalar."""
    return () if tensor.shape is None else tuple(int(extent) for extent in tensor.shape)


def operator_name(model: Any, operator: Any) -> str:
    """Return an operator's name in the schema, such as ``CONV_2D``, or a custom operator's name."""
    code = model.operatorCodes[operator.opcodeIndex]
    # Old files use the narrow field for operators below 127.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return str(code.customCode, "utf-8", "replace") if code.customCode else "CUSTOM"
    return str(_OPERATOR_NAMES.get(number, f"OPERATOR_{number}"))


def opcode(model: Any, builtin: int, version: int) -> int:
    """Return the index of an operator's code, which is added if the file has none."""
    for index, known in enumerate(model.operatorCodes):
        if max(known.builtinCode, known.deprecatedBuiltinCode) == builtin:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def type_name(tensor: Any) -> str:
    """Return a tensor's element type by numpy's name, such as ``int8``."""
    return str(_TYPE_NAMES.get(tensor.type, f"type_{tensor.type}")).lower()


def rename_tensors(model: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    """Give the tensors of the first graph short names, in place.

    The converter uses the whole path of Python modules as a name, hundreds of bytes long: a fifth of a small
    network's file. Here a computed tensor is named by its operator and a constant by the tensor that it helps
    to
    compute: ``conv_2d_3``, ``conv_2d_3/constant_1``.
    """
    graph = model.subgraphs[0]
    names = dict(zip(graph.inputs, inputs, strict=True)) | dict(zip(graph.outputs, outputs, strict=True))
    seen: Counter[str] = Counter()
    for operator in graph.operators:
        kind = operator_name(model, operator).lower()
        for index in operator.outputs:
            names.setdefault(index, f"{kind}_{seen[kind]}")
        seen[kind] += 1
        for place, index in enumerate(operator.inputs):
            if index >= 0:
                names.setdefault(index, f"{names[operator.outputs[0]]}/constant_{place}")
    for index, tensor in enumerate(graph.tensors):
        tensor.name = names.get(index, f"unused_{index}").encode("utf-8")
    for signature in model.signatureDefs or []:
        for maps, words in ((signature.inputs, inputs), (signature.outputs, outputs)):
            for entry in maps:
                entry.name = names[entry.tensorIndex].encode("utf-8") if words else entry.name


def flatten_biases(model: Any) -> None:
    """Give biases their one dimension, in place.

    The converter folds a scale per channel into a bias of shape ``[1, 1, 1, C]``, for which the quantizer
    writes more bytes than it has values.
    """
    for graph in model.subgraphs:
        for operator in graph.operators:
            place = 3 if operator_name(model, operator) == "TRANSPOSE_CONV" else 2
            if operator_name(model, operator) in WEIGHTED and len(operator.inputs) > place:
                bias = graph.tensors[operator.inputs[place]] if operator.inputs[place] >= 0 else None
                if bias is not None and len(shape_of(bias)) > 1:
                    bias.shape = np.array([element_count(bias)], np.int32)


def model_bytes(model: Any) -> bytes:
    """Return a model as a file's content; the same object gives the same bytes."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def write_model(model: Any, file: Path) -> None:
    """Write a model; the same object gives the same bytes."""
    file.write_bytes(model_bytes(model))


def inline_weights(file: Path) -> None:
    """Move weights from behind the flatbuffer back into it, in place.

    The quantizer writes them there, but TensorFlow Lite for Microcontrollers would read zeros instead.
    """
    write_model(read_model(file), file)
