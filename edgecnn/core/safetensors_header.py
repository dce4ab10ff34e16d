"""Safetensors files: their header is checked before a library reads the tensors.

The form is that of https://huggingface.co/docs/safetensors: the length of the header in eight bytes, the
header as JSON, and the tensors' bytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_head
from edgecnn.core.text import first_line
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

MOST_HEADER_BYTES = 16 << 20
MOST_TENSORS = 100_000
_LENGTH_BYTES = 8
_MOST_SIDES = 16
_METADATA = "__metadata__"
_SIZES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}
"""Bytes of a value by its type."""


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the tensors of a file as numpy's arrays, by their names.

    Raises:
        InputError: The file is damaged, or a tensor has a type that numpy lacks.
    """
    import safetensors
    import safetensors.numpy

    check_safetensors(path)
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, RuntimeError, LookupError) as error:
        raise InputError(f"{path} is not a whole safetensors file: {first_line(error)}") from error


def check_safetensors(path: Path) -> None:
    """Check that a file's header is small, and that every tensor lies in the file with the size of its shape.

    Raises:
        InputError: The file cannot be read, or the header is not of this form.
    """
    head, size = read_head(path, _LENGTH_BYTES + MOST_HEADER_BYTES)
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    try:
        if len(head) < _LENGTH_BYTES or length > min(MOST_HEADER_BYTES, size - _LENGTH_BYTES):
            raise ValueError("it is cut off, or its header is too long")  # noqa: TRY301 - one place of all reasons
        header = parse_json(head[_LENGTH_BYTES : _LENGTH_BYTES + length])
        if not isinstance(header, dict) or len(header) > MOST_TENSORS:
            raise ValueError(f"its header is no object of at most {MOST_TENSORS} tensors")  # noqa: TRY301
        for name, entry in header.items():
            if name != _METADATA:
                _check_tensor(name, entry, size - _LENGTH_BYTES - length)
    except ValueError as error:
        raise InputError(f"{path} is not a whole safetensors file: {error}") from None


def _check_tensor(name: str, entry: Any, size: int) -> None:
    shown = repr(name[:60])
    kind = entry.get("dtype") if isinstance(entry, dict) else None
    if not isinstance(kind, str) or kind not in _SIZES:
        raise ValueError(f"the type of tensor {shown} is unknown")
    shape, place = _naturals(entry.get("shape")), _naturals(entry.get("data_offsets"))
    if shape is None or place is None or len(place) != len(("from", "to")):
        raise ValueError(f"the shape or the place of tensor {shown} is invalid")
    if place[1] > size or place[1] - place[0] != math.prod(shape) * _SIZES[kind]:
        raise ValueError(f"tensor {shown} of shape {shape[:8]} does not lie in the file with its size")


def _naturals(value: object) -> list[int] | None:
    """Return a list of a few whole numbers that are not negative; None for everything else."""
    most = 16
    if (
        isinstance(value, list)
        and len(value) <= most
        and all(type(item) is int and item >= 0 for item in value)
    ):
        return value
    return None
