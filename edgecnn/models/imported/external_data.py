"""Weights of an ONNX file that lie in other files beside it.

torch's exporter keeps them so by default. The ONNX file says in which file and at which place each tensor is,
and it may come from a stranger, so all of this is checked before anything is read. Another file is accepted
only in the folder of the ONNX file or below it, also behind links. What is read becomes part of the model, so
that nobody has to open these files again.

The names of the fields are those of ONNX (https://onnx.ai/onnx/repo-docs/ExternalData.html).
"""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import TensorProto

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.core.store.digest import digest_file
from edgecnn.models.imported.names import check_definitions
from edgecnn.models.imported.onnx_limits import MOST_BYTES, PACKED_BITS, parse_model, tensors

_LONGEST_NUMBER = 18
_SHOWN = 80
_HINT = (
    "keep the files that the exporter wrote together in one folder, "
    "or export with torch.onnx.export(..., external_data=False)"
)


@dataclass(frozen=True)
class TensorBeside:
    """A tensor whose values lie in another file, after all checks.

    Attributes:
        tensor: The tensor in the model.
        location: Name of the other file, relative to the folder of the ONNX file.
        path: The file itself, behind all links.
        offset: Place of the first byte.
        length: Number of bytes.
    """

    tensor: TensorProto
    location: str
    path: Path
    offset: int
    length: int


def load_model(file: Path) -> onnx.ModelProto:
    """Read an ONNX file without the files beside it.

    Raises:
        InputError: The file is missing, too large, truncated or of another format, or defines a name twice.
    """
    if not is_file(file):
        raise InputError(f"there is no file {file}")
    model = parse_model(file)
    if not model.graph.node or not model.graph.output:
        raise InputError(
            f"{file} is not an ONNX file, or it is truncated: it holds no graph with an output",
            hint="copy or download it again, and give the .onnx file itself, not packed or encrypted",
        )
    if not any(item.domain in ("", "ai.onnx") for item in model.opset_import):
        raise InputError(f"{file} is not an ONNX file: it names no opset of ONNX")
    check_definitions(model, file)
    return model


def embed(model: onnx.ModelProto, file: Path) -> None:
    """Read the weights that lie beside a file into its model, in place.

    Args:
        model: Content of the file.
        file: The file.

    Raises:
        InputError: A file is missing, not beside the model, or shorter than the model says.
    """
    for found in tensors_beside(model, file):
        with found.path.open("rb") as source:
            source.seek(found.offset)
            values = source.read(found.length)
        if len(values) != found.length:
            raise _refused(file, found.tensor, f"{found.location} became shorter while it was read")
        del found.tensor.external_data[:]
        found.tensor.data_location = TensorProto.DEFAULT
        found.tensor.raw_data = values


def digests_beside(file: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that holds weights of an ONNX file, by its name in that file.

    Raises:
        InputError: The ONNX file is damaged, or :func:`embed` would refuse one of the others.
    """
    paths = {found.location: found.path for found in tensors_beside(load_model(file), file)}
    return {location: digest_file(path) for location, path in sorted(paths.items())}


def tensors_beside(model: onnx.ModelProto, file: Path) -> list[TensorBeside]:
    """Return every tensor of a model whose values lie in another file, after all checks.

    Raises:
        InputError: A check fails; the message names the tensor.
    """
    outside = outside_tensors(model)
    if not outside:
        return []
    folder, total = file.parent.resolve(), model.ByteSize()
    sizes: dict[str, tuple[Path, int]] = {}
    found = []
    for tensor in outside:
        fields = _fields(tensor, file)
        location = fields.get("location", "")
        if location not in sizes:
            sizes[location] = _located(folder, location, tensor, file)
        path, size = sizes[location]
        offset, length = _part(fields, tensor, size, file)
        found.append(TensorBeside(tensor, location, path, offset, length))
        total += length
    if max(total, sum(size for _, size in sizes.values())) > MOST_BYTES:
        raise InputError(f"{file} and the weights beside it are larger than 2 GiB, which is not supported")
    return found


def outside_tensors(model: onnx.ModelProto) -> list[TensorProto]:
    """Return every tensor of a model whose values lie in another file, unchecked."""
    return [tensor for tensor in tensors(model) if tensor.data_location == TensorProto.EXTERNAL]


def _fields(tensor: TensorProto, file: Path) -> dict[str, str]:
    """Return what a tensor says about the place of its values."""
    fields: dict[str, str] = {}
    for entry in tensor.external_data:
        if not isinstance(entry.key, str) or not isinstance(entry.value, str):  # names may be any bytes
            raise _refused(file, tensor, "the name of the file is not UTF-8")
        if entry.key in fields:
            raise _refused(file, tensor, f"its {entry.key} is given twice")
        fields[entry.key] = entry.value
    return fields


def _located(folder: Path, location: str, tensor: TensorProto, file: Path) -> tuple[Path, int]:
    """Return the path and the size in bytes of a file beside the model."""
    shown = location[:_SHOWN]
    if not location or "\0" in location:
        raise _refused(file, tensor, "the name of the file is missing")
    for path in (PurePosixPath(location), PureWindowsPath(location)):
        if path.is_absolute() or path.drive or ".." in path.parts:
            raise _refused(file, tensor, f"{shown!r} is not beside the model")
    try:
        place = (folder / location).resolve(strict=True)
        status = place.stat()
    except FileNotFoundError:
        raise _refused(file, tensor, f"there is no file {shown!r} beside the model") from None
    except (OSError, RuntimeError) as error:  # a name that is too long, or links in a circle
        raise _refused(file, tensor, f"{shown!r} cannot be read") from error
    if not place.is_relative_to(folder):
        raise _refused(file, tensor, f"{shown!r} is a link to a file that is not beside the model")
    if not stat.S_ISREG(status.st_mode):
        raise _refused(file, tensor, f"{shown!r} is no file")
    if not os.access(place, os.R_OK):
        raise _refused(file, tensor, f"{shown!r} cannot be read")
    return place, status.st_size


def _part(fields: dict[str, str], tensor: TensorProto, size: int, file: Path) -> tuple[int, int]:
    """Return offset and length of a tensor's values in a file of ``size`` bytes."""
    needed = _bytes_of(tensor, file)
    offset = _number(fields.get("offset", "0"), "offset", tensor, file)
    length = _number(fields.get("length", str(needed)), "length", tensor, file)
    if length != needed:
        shape = list(tensor.dims)
        raise _refused(file, tensor, f"its length is {length} bytes, and its shape {shape} needs {needed}")
    if offset + length > size:
        raise _refused(
            file, tensor, f"the file ends at byte {size}, and the values at byte {offset + length}"
        )
    return offset, length


def _bytes_of(tensor: TensorProto, file: Path) -> int:
    """Return the number of bytes of a tensor's values."""
    if tensor.data_type == TensorProto.STRING or any(size < 0 for size in tensor.dims):
        raise _refused(file, tensor, "it has no values of a fixed size")
    bits: int | None = PACKED_BITS.get(tensor.data_type)
    try:
        bits = bits or 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError, TypeError):
        raise _refused(file, tensor, f"its type {tensor.data_type} is not known") from None
    values: int = math.prod(tensor.dims)
    return -(-values * bits // 8)


def _number(text: str, what: str, tensor: TensorProto, file: Path) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise _refused(file, tensor, f"its {what} {text[:_SHOWN]!r} is no number of bytes")
    return int(text)


def _refused(file: Path, tensor: TensorProto, reason: str) -> InputError:
    name = tensor.name if isinstance(tensor.name, str) else repr(tensor.name)
    return InputError(f"{file} keeps the weights {name[:_SHOWN]!r} in another file: {reason}", hint=_HINT)
