"""A look at a TFLite file with the generated reader of its schema, before native code follows its offsets."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MOST_PARTS = 50_000
"""Most tables of a file, such as tensors and operators; the largest CNNs have some thousands."""

_BYTES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 9: 1}
"""Bytes of an element by the number of its type: float32, float16, int32, uint8, int64, bool, int16, int8."""


def read_checked(file: Path, schema: Any) -> Any:
    """Return the content of a TFLite file as ``schema.ModelT``, every reference in it checked.

    Args:
        file: The file.
        schema: The generated reader, ``tensorflow.lite.python.schema_py_generated``.

    Raises:
        InputError: The file is truncated or damaged, or has too many parts.
    """
    data = file.read_bytes()
    try:
        _check_counts(schema.Model.GetRootAs(data, 0), file)
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        _check_references(model)
    # Errors of the generated reader at an invalid offset.
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{file} is a damaged or truncated TFLite file",
            hint="copy it again, or convert the network again",
        ) from error
    return model


def _check_counts(model: Any, file: Path) -> None:
    """Refuse a file with too many parts: offsets may point to one table many times."""
    parts = model.SubgraphsLength() + model.OperatorCodesLength() + model.BuffersLength()
    _check(parts + model.MetadataLength() + model.SignatureDefsLength(), file)
    graphs = [model.Subgraphs(place) for place in range(model.SubgraphsLength())]
    _check(sum(graph.TensorsLength() + graph.OperatorsLength() for graph in graphs), file)
    letters = 0
    for graph in graphs:
        operators = map(graph.Operators, range(graph.OperatorsLength()))
        tensors = map(graph.Tensors, range(graph.TensorsLength()))
        letters += sum(len(tensor.Name() or b"") for tensor in tensors)
        _check(sum(operator.InputsLength() + operator.OutputsLength() for operator in operators), file, 10)
    for place in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(place)
        _check(signature.InputsLength() + signature.OutputsLength(), file)
    _check(letters, file, 100)


def _check(parts: int, file: Path, times: int = 1) -> None:
    if parts > times * MOST_PARTS:
        raise InputError(
            f"{file} has {parts} parts, and more than {times * MOST_PARTS} are not accepted",
            hint="a CNN has some thousands; convert the network again",
        )


def _check_references(model: Any) -> None:
    """Raise IndexError, TypeError or ValueError if a graph has an invalid reference or a cut constant."""
    if not model.subgraphs or not model.subgraphs[0].operators:
        raise IndexError
    for graph in model.subgraphs:
        count = len(graph.tensors)
        for operator in graph.operators:
            if not 0 <= operator.opcodeIndex < len(model.operatorCodes):
                raise IndexError
            if any(not -1 <= index < count for index in (*operator.inputs, *operator.outputs)):
                raise IndexError
        if any(not 0 <= index < count for index in (*graph.inputs, *graph.outputs)):
            raise IndexError
        for tensor in graph.tensors:
            if not 0 <= tensor.buffer < len(model.buffers):
                raise IndexError
            _check_constant(tensor, model.buffers[tensor.buffer].data)


def _check_constant(tensor: Any, data: Any) -> None:
    """Raise ValueError if a constant holds another number of bytes than its shape says."""
    tensor.name.decode("utf-8")
    shape = [] if tensor.shape is None else [int(extent) for extent in tensor.shape]
    width = _BYTES.get(tensor.type)
    if data is not None and len(data) and width and len(data) != math.prod(shape) * width:
        raise ValueError
