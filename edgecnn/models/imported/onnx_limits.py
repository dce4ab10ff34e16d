"""Limits of ONNX files: checked on the bytes, before a library makes objects of them.

Two bytes of a file become an object of some hundred bytes in memory; shape inference and ONNX Runtime need
minutes for 100,000 nodes, and call themselves for each graph inside a graph. So nodes, tensors, names and
nesting are counted first, in one pass over the wire format of protobuf
(https://protobuf.dev/programming-guides/encoding/). Values of tensors are skipped.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx import TensorProto

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded
from edgecnn.models.imported.file_start import HEAD_BYTES, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

MOST_BYTES = 2**31 - 1
"""Limit of a protobuf message."""

MOST_NODES = 20_000
"""Most operations, those of subgraphs and functions included; the largest CNNs have some thousands."""

MOST_TENSORS = 50_000
"""Most constant tensors."""

MOST_GRAPHS_INSIDE = 8
"""Most graphs inside each other, as the branches of If and the bodies of Loop are."""

MOST_NAME_BYTES = 4096
"""Longest name of a node, a tensor, an operator or a domain."""

MOST_FIELDS = 1_000_000
"""Most fields of all messages together."""

PACKED_BITS = {
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    TensorProto.UINT2: 2,
    TensorProto.INT2: 2,
}
"""Bits of a value of the types that have several in a byte."""

_MOST_LEVELS = 64
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_FIXED = {_EIGHT: 8, _FOUR: 4}
_MOST_VARINT_BYTES = 10
_MESSAGE, _STRING = 11, 9
_COMPLEX = (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
_TYPED = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def parse_model(file: Path) -> onnx.ModelProto:
    """Read an ONNX file whose parts are few and whose tensors hold as many values as their shapes say.

    Values in other files are not looked at.

    Raises:
        InputError: The file cannot be read, is no ONNX file, is truncated, or exceeds a limit.
    """
    return parse_bytes(read_bounded(file, MOST_BYTES), file)


def parse_bytes(content: bytes, file: Path) -> onnx.ModelProto:
    """Do the same with the content of a file, whose name is for messages.

    Raises:
        InputError: It is no ONNX file, is truncated, or exceeds a limit.
    """
    try:
        _Counts().scan(content)
        model = onnx.ModelProto.FromString(content)
        for tensor in tensors(model):
            _check_size(tensor)
    except (DecodeError, IndexError):
        raise unreadable(file, content[:HEAD_BYTES]) from None
    except ValueError as error:
        raise InputError(f"{file} is refused: {error}") from None
    return model


def tensors(message: Message) -> Iterator[TensorProto]:
    """Yield every tensor in a message, wherever it is: in graphs, branches, functions and attributes."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in (value,) if isinstance(value, Message) else value:
                if isinstance(item, TensorProto):
                    yield item
                else:
                    yield from tensors(item)


class _Counts:
    """Counts of the parts of a file."""

    def __init__(self) -> None:
        self._fields = self._nodes = self._tensors = 0

    def scan(self, content: bytes) -> None:
        """Count the parts of a model.

        Raises:
            ValueError: A limit is exceeded.
            IndexError: The bytes are no protobuf message, or are cut off.
        """
        # Place, end, type, number of levels and number of graphs of the messages that are still to be read.
        waiting = [(0, len(content), onnx.ModelProto.DESCRIPTOR, 0, 0)]
        while waiting:
            place, end, kind, levels, graphs = waiting.pop()
            inside = _inside(kind)
            while place < end:
                number, wire, place = self._key(content, place)
                start, place = _skip(content, place, wire)
                if place > end:
                    raise IndexError
                if wire == _LENGTH and number in inside:
                    part = inside[number]
                    if part is not None:
                        deeper = graphs + (part.name == "GraphProto")
                        self._count(part.name, levels + 1, deeper)
                        if start < place:
                            waiting.append((start, place, part, levels + 1, deeper))
                    elif place - start > MOST_NAME_BYTES:
                        raise ValueError(f"a name in it has more than {MOST_NAME_BYTES} bytes")

    def _key(self, content: bytes, place: int) -> tuple[int, int, int]:
        """Return a field's number and wire type, and the place behind them."""
        self._fields += 1
        if self._fields > MOST_FIELDS:
            raise ValueError(f"it has more than {MOST_FIELDS} parts")
        key, place = _varint(content, place)
        return key >> 3, key & 7, place

    def _count(self, kind: str, levels: int, graphs: int) -> None:
        self._nodes += kind == "NodeProto"
        self._tensors += kind == "TensorProto"
        if self._nodes > MOST_NODES:
            raise ValueError(f"it has more than {MOST_NODES} operations")
        if self._tensors > MOST_TENSORS:
            raise ValueError(f"it has more than {MOST_TENSORS} constant tensors")
        if graphs > MOST_GRAPHS_INSIDE or levels > _MOST_LEVELS:
            raise ValueError(f"more than {MOST_GRAPHS_INSIDE} graphs in it are inside each other")
        if kind == "SparseTensorProto":
            raise ValueError("it holds a sparse tensor, which is not supported")


@cache
def _inside(kind: Any) -> dict[int, Any]:
    """Return the type of each field that holds a message, and None for each that holds a name."""
    return {
        number: field.message_type
        for number, field in kind.fields_by_number.items()
        if field.type == _MESSAGE or (field.type == _STRING and field.name not in ("doc_string", "value"))
    }


def _skip(content: bytes, place: int, wire: int) -> tuple[int, int]:
    """Return the first place of a field's value and the place behind it."""
    if wire == _VARINT:
        return place, _varint(content, place)[1]
    if wire == _LENGTH:
        length, place = _varint(content, place)
        return place, place + length
    if wire not in _FIXED:
        raise IndexError
    return place, place + _FIXED[wire]


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the low ones first, and the place behind it."""
    value = content[place]
    place += 1
    if value < 0x80:
        return value, place
    value &= 0x7F
    for shift in range(7, 7 * _MOST_VARINT_BYTES, 7):
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise IndexError


def _check_size(tensor: TensorProto) -> None:
    """Raise ValueError if a tensor does not hold as many values as its shape says."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return
    count = math.prod(tensor.dims)
    bits = PACKED_BITS.get(tensor.data_type)
    if tensor.HasField("raw_data"):
        needed, held = -(-count * (bits or _bits(tensor.data_type)) // 8), len(tensor.raw_data)
    else:  # several values of a packed type are one number of a list
        needed = -(-count * bits // 8) if bits else count * (2 if tensor.data_type in _COMPLEX else 1)
        held = sum(len(getattr(tensor, name)) for name in _TYPED)
    if needed != held or any(size < 0 for size in tensor.dims):
        name = tensor.name if isinstance(tensor.name, str) else repr(tensor.name)
        raise ValueError(
            f"the tensor {name[:80]!r} of shape {list(tensor.dims)[:16]} does not hold its values"
        )


def _bits(kind: int) -> int:
    try:
        return 8 * int(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize)
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"the type {kind} of a tensor is not known") from None
