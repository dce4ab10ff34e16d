"""What stages call in a child process: JSON in, JSON and files out.

Vendor libraries are imported below these functions only, each format's own and no other's.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import load_format, missing
from edgecnn.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.backends.terms import Precision

_PRECISIONS = ("fp16", "int8")


def lower(format: str, checkpoint: str, out: str) -> str:  # noqa: A002  the name in targets and requests
    """Convert a checkpoint to a float32 file; return the file's name in directory ``out``.

    Raises:
        EdgecnnError: What is wrong with the checkpoint, the network or the environment.
    """
    with _ready(format, Path(out)):
        return load_format(format).lower(Path(checkpoint), Path(out)).name


def quantize(
    format: str,  # noqa: A002
    model: str,
    out: str,
    request: dict[str, Any],
) -> dict[str, Any]:
    """Write ``out/model.<suffix>`` from the float file ``model``; return notes for the manifest.

    Args:
        format: Name of the format.
        model: The float file.
        out: Directory to write to.
        request: Fields of :class:`~edgecnn.backends.format.QuantizeRequest`.

    Raises:
        EdgecnnError: What is wrong with the file, the request or the environment.
    """
    if request["precision"] not in _PRECISIONS:
        raise UsageError(f"cannot quantize to {request['precision']!r}; there are {', '.join(_PRECISIONS)}")
    calibration = request["calibration"]
    wanted = QuantizeRequest(
        precision=cast("Precision", request["precision"]),
        calibration=None if calibration is None else Path(calibration),
        isa=request["isa"],
        options=request["options"],
        network=None if request.get("network") is None else Path(request["network"]),
    )
    with _ready(format, Path(out)):
        return load_format(format).quantize(Path(model), Path(out), wanted)


def reference(format: str, model: str, out: str) -> str:  # noqa: A002
    """Return the name of the file that reference execution takes.

    It is the model file's own name, or that of another file, which was written to directory ``out``.
    """
    with _ready(format, Path(out)):
        return load_format(format).reference(Path(model), Path(out)).name


def inspect(format: str, model: str) -> dict[str, Any]:  # noqa: A002
    """Read back what a model file is, as the plain data of :class:`~edgecnn.backends.format.Inspection`."""
    with _ready(format, None):
        return load_format(format).inspect(Path(model)).to_json()


def weights(format: str, model: str) -> list[dict[str, Any]]:  # noqa: A002
    """List the constants that a model file stores, as plain data."""
    with _ready(format, None):
        return [asdict(weight) for weight in load_format(format).weights(Path(model))]


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
