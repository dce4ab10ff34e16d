"""What stages call in a child process: a request in, documents and files out.

Vendor libraries are imported below these functions only, each format's own and no other's.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.backends.format import QuantizeRequest, StoredWeight
from edgecnn.backends.formats import load_format, missing
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.core.documents.inspection import Inspection

_PRECISIONS = ("fp16", "int8")


@arguments
class FormatFile:
    """A model file and the name of its format."""

    format: str
    model: Path


@arguments
class LowerRequest:
    """A checkpoint to convert to a format; the file goes to directory ``out``."""

    format: str
    checkpoint: Path
    out: Path


@arguments
class QuantizeFileRequest:
    """A float file to quantize as its format is asked to; the result goes to directory ``out``."""

    file: FormatFile
    out: Path
    how: QuantizeRequest


@arguments
class ReferenceFileRequest:
    """A model file whose reference execution may take another file, which goes to directory ``out``."""

    file: FormatFile
    out: Path


def lower(request: LowerRequest) -> str:
    """Convert a checkpoint to a float32 file; return the file's name in directory ``out``.

    Raises:
        EdgecnnError: What is wrong with the checkpoint, the network or the environment.
    """
    with _ready(request.format, request.out):
        return load_format(request.format).lower(request.checkpoint, request.out).name


def quantize(request: QuantizeFileRequest) -> dict[str, Any]:
    """Write ``out/model.<suffix>`` from a float file; return notes for the manifest.

    Raises:
        EdgecnnError: What is wrong with the file, the request or the environment.
    """
    file, how = request.file, request.how
    if how.precision not in _PRECISIONS:
        raise UsageError(f"cannot quantize to {how.precision!r}; there are {', '.join(_PRECISIONS)}")
    with _ready(file.format, request.out):
        return load_format(file.format).quantize(file.model, request.out, how)


def reference(request: ReferenceFileRequest) -> str:
    """Return the name of the file that reference execution takes.

    It is the model file's own name, or that of another file, which was written to directory ``out``.
    """
    with _ready(request.file.format, request.out):
        return load_format(request.file.format).reference(request.file.model, request.out).name


def inspect(file: FormatFile) -> Inspection:
    """Read back what a model file is."""
    with _ready(file.format, None):
        return load_format(file.format).inspect(file.model)


def weights(file: FormatFile) -> list[StoredWeight]:
    """List the constants that a model file stores."""
    with _ready(file.format, None):
        return load_format(file.format).weights(file.model)


@contextlib.contextmanager
def _ready(name: str, out: Path | None) -> Iterator[None]:
    """Make the output directory, and say in edgecnn's words what the system or the environment lacks."""
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        yield
    except ImportError as error:
        raise missing(name, error) from error
    except OSError as error:
        where = error.filename or out
        raise InputError(
            f"{where}: {error.strerror or error}", hint="is the disk full or read-only?"
        ) from error
