"""The IDX files of the MNIST family: a big-endian header, then unsigned bytes, gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 29
"""Largest size after decompression, in bytes; a gzip file can expand a thousandfold."""

_UNSIGNED_BYTE = 0x08


def read_idx(file: Path) -> npt.NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes.

    Raises:
        InputError: The file cannot be read, is truncated or too large, or is not an IDX file of bytes.
    """
    hint = "delete it and run: edgecnn fetch fashion-mnist"
    try:
        with gzip.open(file, "rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file} is truncated or corrupt: {error}", hint=hint) from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", hint=hint) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{file} holds more than {MAX_BYTES >> 20} MiB", hint=hint)
    try:
        return parse_idx(data)
    except ValueError as error:
        raise InputError(f"{file} is not an IDX file: {error}", hint=hint) from error


def parse_idx(data: bytes) -> npt.NDArray[np.uint8]:
    """Parse the bytes of an IDX file (LeCun, Cortes and Burges, "The MNIST database", file formats).

    Raises:
        ValueError: The header is wrong, or does not agree with the number of bytes that follow.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist()
    [7, 9]
    """
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ValueError("it does not start with two zero bytes")
    kind, dimensions = data[2], data[3]
    if kind != _UNSIGNED_BYTE:
        raise ValueError(f"element type {kind:#04x} is not unsigned byte")
    header = 4 + 4 * dimensions
    if dimensions == 0 or len(data) < header:
        raise ValueError(f"the header of {dimensions} dimensions is cut off")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    if math.prod(shape) != len(data) - header:
        raise ValueError(f"shape {list(shape)} does not agree with {len(data) - header} bytes of data")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
