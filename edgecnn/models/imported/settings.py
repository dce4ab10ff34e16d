"""Typed settings of a node, and the error for a node that cannot be imported."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.models.imported.graph import ImportedNode

_WAY_OUT = "cut the network before it with --outputs, or export it with other settings or operations"
_DECODE = (
    "it chooses boxes, which is not part of the network: cut it before with --outputs at the boxes and scores"
)
_CHOOSING = ("NonMaxSuppression", "NonZero", "Compress", "RoiAlign", "Unique")

_MOST_VALUES = 1 << 26
"""Largest table that a module computes from the settings of its node; graphs come from files."""

_MOST_STEPS = 1 << 33
"""Most additions that such a table takes: some seconds."""


@contextlib.contextmanager
def naming_opset(opset: int) -> Iterator[None]:
    """Add the opset to the message of an error about a node, because operators differ between opsets."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error.message} (opset {opset})", hint=error.hint) from error


def unsupported(node: ImportedNode, reason: str) -> InputError:
    """Return the error for a node that cannot be imported."""
    return InputError(f"{node.operator} {node.name} cannot be imported: {reason}", hint=_WAY_OUT)


def unknown_operator(node: ImportedNode) -> InputError:
    """Return the error for a node whose operator is not in the table."""
    return InputError(
        f"operation {node.name} is {node.operator}, which the import of ONNX files does not know",
        hint=_DECODE if node.operator in _CHOOSING else _WAY_OUT,
    )


def numbers(node: ImportedNode, name: str) -> list[float]:
    """Return a setting as numbers; empty if the node lacks it.

    Raises:
        InputError: The setting is not made of numbers.
    """
    return [float(item) for item in _listed(node, name)]


def integers(node: ImportedNode, name: str) -> list[int]:
    """Return a setting as integers; empty if the node lacks it.

    Raises:
        InputError: The setting is not made of integers.
    """
    items = _listed(node, name)
    if any(item != int(item) for item in items):
        raise unsupported(node, f"{name} is {items}")
    return [int(item) for item in items]


def number(node: ImportedNode, name: str, default: float) -> float:
    """Return a setting as a number.

    Raises:
        InputError: The setting is not a number.
    """
    found = numbers(node, name)
    return found[0] if found else float(default)


def flag(node: ImportedNode, name: str, *, default: bool = False) -> bool:
    """Return a setting as a switch."""
    return bool(number(node, name, default))


def word(node: ImportedNode, name: str, default: str) -> str:
    """Return a setting as a word."""
    return str(node.attributes.get(name, default))


def pair(node: ImportedNode, name: str) -> tuple[int, int]:
    """Return a setting of height and width, each at least 1; 1 and 1 if the node lacks it.

    Raises:
        InputError: The setting is not of this kind.
    """
    sizes = integers(node, name) or [1, 1]
    if len(sizes) != 2 or min(sizes) < 1:
        raise unsupported(node, f"{name} is {sizes}, not one size for the height and one for the width")
    return sizes[0], sizes[1]


def pads(node: ImportedNode) -> tuple[int, int, int, int]:
    """Return padding at the top, left, bottom and right.

    Raises:
        InputError: The padding is negative, not that of a map, or depends on the size of the input.
    """
    automatic = word(node, "auto_pad", "NOTSET")
    if automatic not in ("NOTSET", "VALID"):
        raise unsupported(node, f"auto_pad is {automatic}")
    sides = integers(node, "pads") or [0, 0, 0, 0]
    if len(sides) != 4 or min(sides) < 0:
        raise unsupported(node, f"pads are {sides}")
    return (0, 0, 0, 0) if automatic == "VALID" else (sides[0], sides[1], sides[2], sides[3])


def check_table(node: ImportedNode, rows: int, columns: int) -> None:
    """Check the size of a table that a module computes from its settings.

    Raises:
        InputError: It has too many values.
    """
    if rows * columns > _MOST_VALUES:
        raise unsupported(node, f"its sizes ask for {rows} x {columns} values; the limit is {_MOST_VALUES}")


def check_windows(node: ImportedNode, extents: tuple[int, int]) -> None:
    """Check the work of sums over all windows of a padded map, which a module computes from its settings.

    Args:
        node: The node of a pool.
        extents: Height and width of the map with its padding.

    Raises:
        InputError: It takes too many additions.
    """
    kernel, stride, dilation = (pair(node, name) for name in ("kernel_shape", "strides", "dilations"))
    windows = [
        max(0, (extent - gap * (size - 1) - 1) // step + 1)
        for extent, size, step, gap in zip(extents, kernel, stride, dilation, strict=True)
    ]
    steps = math.prod((*windows, *kernel))
    if steps > _MOST_STEPS:
        raise unsupported(node, f"its windows ask for {steps:.1e} additions; the limit is {_MOST_STEPS:.1e}")


def _listed(node: ImportedNode, name: str) -> list[int | float]:
    value = node.attributes.get(name, [])
    if isinstance(value, str):
        raise unsupported(node, f"{name} is {value!r}")
    return value if isinstance(value, list) else [value]
