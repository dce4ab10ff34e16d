"""Files of arrays, ``.npy`` and ``.npz``: headers of one form, plain numbers, and as many bytes as they say.

numpy evaluates a header as Python and unpacks a ``.npz`` without a limit. Here a header has the form in which
numpy writes it (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) and nothing is
unpacked. Workers use this module too, so it imports numpy and the standard library only.
"""

from __future__ import annotations

import math
import os
import re
import stat
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.this_process import make_room_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Array = npt.NDArray[Any]

MOST_DIMENSIONS = 16
_MOST_HEADER = 4096
_MOST_ARRAYS = 64
_MAGIC = b"\x93NUMPY"
_VERSIONS = {b"\1\0": "<H", b"\2\0": "<I", b"\3\0": "<I"}
"""Form of the header's length by the version of the format."""

_HEADER = re.compile(
    rb"\{'descr': '([|<>](?:b1|[iu][1248]|f[248]))', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}, ?)*(?:\d{1,19})?)\), \}[ ]*\n",
)


def read_array(path: Path, *, mapped: bool = False) -> Array:
    """Read a ``.npy`` file of numbers.

    Args:
        path: The file.
        mapped: Whether the array is mapped into memory, read-only, instead of read.

    Raises:
        InputError: The file cannot be read, is of another form, holds other values than numbers, or has not
            as many bytes as its header says.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} cannot be read: it is no file")
            start, kind, shape, order = _header(file.read(_MOST_HEADER), status.st_size)
            count = math.prod(shape)
            if mapped and count:
                make_room_for(status.st_size)
                return np.memmap(file, kind, "r", start, shape, order)
            file.seek(start)
            return np.fromfile(file, kind, count).reshape(shape, order=order)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not a whole array: {error}") from None


def read_arrays(path: Path) -> Mapping[str, Array]:
    """Read a ``.npz`` file that is not compressed, as :func:`numpy.savez` writes it; return arrays by name.

    Raises:
        InputError: The file cannot be read, is compressed, or one of its arrays is refused as by
            :func:`read_array`.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            packed = any(item.compress_type != zipfile.ZIP_STORED for item in members)
            if packed or len(members) > _MOST_ARRAYS or sum(item.file_size for item in members) > size:
                raise InputError(f"{path} is not a whole file of arrays: it is compressed, or too long")
            return {item.filename.removesuffix(".npy"): _array(archive.read(item)) for item in members}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, struct.error, OverflowError) as error:
        raise InputError(f"{path} is not a whole file of arrays: {error}") from None


def _array(data: bytes) -> Array:
    start, kind, shape, order = _header(data[:_MOST_HEADER], len(data))
    return np.frombuffer(data, kind, offset=start).reshape(shape, order=order)


def _header(head: bytes, size: int) -> tuple[int, np.dtype[Any], tuple[int, ...], Any]:
    """Return the place of the values, their type, the shape and the order of a file of ``size`` bytes.

    Raises:
        ValueError: The header is of another form, or the file is shorter or longer than it says.
    """
    form = _VERSIONS.get(head[6:8])
    if not head.startswith(_MAGIC) or form is None or len(head) < 8 + struct.calcsize(form):
        raise ValueError("it does not begin as a .npy file")
    start = 8 + struct.calcsize(form)
    end = start + struct.unpack_from(form, head, 8)[0]
    found = _HEADER.fullmatch(head, start, end) if end <= len(head) else None
    if found is None:
        raise ValueError("its header is not that of an array of numbers")
    kind = np.dtype(found[1].decode("ascii"))
    shape = tuple(int(side) for side in found[3].replace(b",", b" ").split())
    if len(shape) > MOST_DIMENSIONS or end + math.prod(shape) * kind.itemsize != size:
        raise ValueError(f"{kind} {list(shape)[:MOST_DIMENSIONS]} are not the {size - end} bytes that it has")
    return end, kind, shape, "F" if found[2] == b"True" else "C"
