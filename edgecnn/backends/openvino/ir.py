"""OpenVINO IR files: bounded reading, reproducible writing, no telemetry.

OpenVINO's converter and NNCF report their use over the internet if the package ``openvino_telemetry`` is
installed, and work without it otherwise. Therefore this module hides the package before they are imported,
and every module of this folder that converts or quantizes imports OpenVINO through it.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

sys.modules.setdefault("openvino_telemetry", cast("Any", None))

import openvino  # noqa: E402  after telemetry is hidden
import openvino.passes  # noqa: E402

from edgecnn.backends.openvino.device import core  # noqa: E402
from edgecnn.core.errors import InputError  # noqa: E402
from edgecnn.core.files import read_bounded  # noqa: E402
from edgecnn.core.text import one_line  # noqa: E402
from edgecnn.core.xml_text import parse_xml  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["openvino", "read_model", "refused", "write_model"]

MAX_XML_BYTES = 64 << 20
"""Largest size of the XML; a large detector's has a few megabytes, and weights are in the other file."""

MAX_LAYERS = 20_000
"""Most layers of a network; the largest CNNs have some thousands."""

MAX_VALUES = 1 << 29
"""Most values of a tensor: 2 GiB in float32."""

REFUSALS = (RuntimeError, ValueError, OverflowError, TypeError, MemoryError)
"""Exceptions of OpenVINO for a file; a message in which a name is not UTF-8 is a ValueError."""

_MAX_ELEMENTS = 2_000_000
_MAX_DEPTH = 64
_MAX_DIGITS = 19


def read_model(file: Path) -> openvino.Model:
    """Read an IR.

    Raises:
        InputError: A file is missing, too large, truncated, or of another format.
    """
    weights = file.with_suffix(".bin")
    for needed in (file, weights):
        if not needed.is_file():
            raise InputError(f"there is no file {needed}", hint="an OpenVINO IR is an .xml and a .bin file")
    _check_limits(file, weights.stat().st_size)
    try:
        model = core().read_model(str(file), str(weights))
    except REFUSALS as error:
        raise refused(file, error) from error
    _check_tensors(model, file)
    return model


def _check_tensors(model: openvino.Model, file: Path) -> None:
    """Refuse huge tensors: what needs only constants is computed when the file is opened."""
    for operation in model.get_ops():
        for output in operation.outputs():
            shape = output.get_partial_shape()
            if shape.is_static and math.prod(shape.to_shape()) > MAX_VALUES:
                name = operation.get_friendly_name()[:80]
                raise InputError(f"{file} is refused: {name!r} computes more than {MAX_VALUES} values")


def _check_limits(file: Path, weights: int) -> None:
    """Check the number of layers, and that constants lie in a file of ``weights`` bytes."""
    layers = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal layers
        layers += name == "layer"
        if layers > MAX_LAYERS:
            raise ValueError(f"it has more than {MAX_LAYERS} layers")
        if name == "data" and "offset" in attributes and "size" in attributes:
            place = [attributes["offset"], attributes["size"]]
            if not all(item.isdecimal() and len(item) <= _MAX_DIGITS for item in place):
                raise ValueError("the place of a constant is no number")
            if sum(map(int, place)) > weights:
                raise ValueError(f"a constant lies outside the .bin file of {weights} bytes")

    content = read_bounded(file, MAX_XML_BYTES)
    try:
        parse_xml(content, start=start, most_elements=_MAX_ELEMENTS, most_depth=_MAX_DEPTH)
    except ValueError as error:
        raise refused(file, error) from None


def write_model(model: openvino.Model, file: Path, *, half: bool = False) -> None:
    """Write an IR reproducibly.

    Operations are named by their type and index, because OpenVINO's own names count up within a process.

    Args:
        model: The model, which is renamed in place.
        file: Path of the ``.xml``; the ``.bin`` is written beside it.
        half: Whether to store float constants in float16.
    """
    seen: Counter[str] = Counter()
    for operation in model.get_ordered_ops():
        kind = operation.get_type_name()
        if kind not in ("Parameter", "Result"):
            operation.set_friendly_name(f"{kind}_{seen[kind]}")
            seen[kind] += 1
    openvino.save_model(model, str(file), compress_to_fp16=half)


def refused(file: Path, error: Exception) -> InputError:
    """Return the error for a file that OpenVINO cannot read."""
    return InputError(
        f"{file} cannot be read by OpenVINO: {one_line(error)}",
        hint="the .xml or the .bin file may be truncated, or of another format",
    )
