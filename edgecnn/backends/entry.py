"""The functions that stages call in a child process, with a request as argument.

Only these functions lead to imports of vendor libraries, and each format imports only its own.
"""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.format import QuantizeRequest, StoredWeight
from edgecnn.backends.format_results import (
    checked_file,
    checked_inspection,
    checked_result,
    checked_weights,
)
from edgecnn.backends.formats import load_format, missing, model_file
from edgecnn.backends.registry import find_format
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.quantization import QuantizationNotes
from edgecnn.core.doing import say
from edgecnn.core.errors import EdgecnnError, UsageError, system_fault
from edgecnn.core.foreign_code import described

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.core.documents.inspection import Inspection

_PRECISIONS = ("fp16", "int8")
_OBJECTS_BEFORE_COLLECTION = 50_000
"""Converters make some million objects that live on, which Python's collector would look at every 700."""


@arguments
class FormatFile:
    """A model file with the name of its format."""

    format: str
    model: Path


@arguments
class LowerRequest:
    """A checkpoint to convert to a format; the file is written to directory ``out``."""

    format: str
    checkpoint: Path
    out: Path


@arguments
class QuantizeFileRequest:
    """A float file to quantize; the result is written to directory ``out``."""

    file: FormatFile
    out: Path
    how: QuantizeRequest


@arguments
class ReferenceFileRequest:
    """A model file whose reference execution may need another file, written to directory ``out``."""

    file: FormatFile
    out: Path


def lower(request: LowerRequest) -> str:
    """Convert a checkpoint to a float32 file; return the file's name in directory ``out``.

    Raises:
        EdgecnnError: The checkpoint, the network or the environment cannot be used.
    """
    with _ready(request.format, request.out):
        say(f"converting the network to {request.format}")
        made = load_format(request.format).lower(request.checkpoint, request.out)
        return checked_file(request.format, "lower", made, request.out).name


def quantize(request: QuantizeFileRequest) -> QuantizationNotes:
    """Write ``out/model.<suffix>`` from a float file; return notes for the manifest.

    Raises:
        EdgecnnError: The file, the request or the environment cannot be used.
    """
    file, how = request.file, request.how
    if how.precision not in _PRECISIONS:
        raise UsageError(f"cannot quantize to {how.precision!r}; there are {', '.join(_PRECISIONS)}")
    with _ready(file.format, request.out):
        say(f"quantizing {file.model.name} to {how.precision}")
        notes = load_format(file.format).quantize(file.model, request.out, how)
        checked_file(file.format, "quantize", model_file(request.out, file.format), request.out)
        return checked_result(file.format, "quantize", notes, QuantizationNotes)


def reference(request: ReferenceFileRequest) -> str:
    """Return the name of the file for reference execution.

    It is the name of the model file itself, or of another file that was written to directory ``out``.
    """
    with _ready(request.file.format, request.out):
        model, form = request.file.model, request.file.format
        found = load_format(form).reference(model, request.out)
        return model.name if found == model else checked_file(form, "reference", found, request.out).name


def inspect(file: FormatFile) -> Inspection:
    """Read the properties of a model file back."""
    with _ready(file.format, None):
        return checked_inspection(file.format, load_format(file.format).inspect(file.model), file.model)


def weights(file: FormatFile) -> list[StoredWeight]:
    """List the constants that a model file stores."""
    with _ready(file.format, None):
        return checked_weights(file.format, load_format(file.format).weights(file.model))


@contextlib.contextmanager
def _ready(name: str, out: Path | None) -> Iterator[None]:
    """Create the output directory, and translate errors of the system, the environment or another package."""
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        with _rare_collections():
            yield
    except ImportError as error:
        raise missing(name, error) from error
    except OSError as error:
        raise system_fault(error, out) from error
    except (EdgecnnError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # code of another package may raise anything
        origin = find_format(name).origin
        if not origin.distribution:
            raise
        raise UsageError(
            f"format {name} of {origin} raised {described(error, type(load_format(name)))}",
            hint=f"update or remove it: pip uninstall {origin.distribution}",
        ) from error


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect garbage seldom: a collection costs time for every object that lives."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
