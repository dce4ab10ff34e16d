"""Quantities with units: ``400 kB``, ``12 ms``, ``1 %``, as pydantic types.

A bare number is in the type's base unit (bytes, milliseconds, a fraction), so ``0.01`` and ``1 %`` are the
same budget.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator

BYTES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
MILLISECONDS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
FRACTION = {"": 1.0, "%": 0.01}
_QUANTITY = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)\s*([A-Za-zµ%]*)\s*")


def parse_quantity(value: object, units: dict[str, float], *, what: str) -> float:
    """Return ``value`` in the base unit of ``units``.

    Args:
        value: A number in the base unit, or text such as ``"400 kB"``.
        units: Unit to factor.
        what: Name of the kind of quantity, for the message.

    Raises:
        ValueError: The text is not a quantity, or has a wrong unit.

    >>> parse_quantity("400 kB", BYTES, what="size")
    400000.0
    >>> parse_quantity("1 %", FRACTION, what="fraction")
    0.01
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a {what}")  # noqa: TRY004 - pydantic reports ValueError
    if isinstance(value, int | float):
        number, unit = float(value), None
    else:
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is not a {what}; write it like {_example(units)}")
        number, unit = float(match[1]), match[2] or None
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value!r} is not a {what}: it must be finite and not negative")
    if unit is not None and unit not in units:
        raise ValueError(f"{value!r} is not a {what}: unit {unit!r} is not one of {_names(units)}")
    return number * units[unit] if unit is not None else number


def _names(units: dict[str, float]) -> str:
    return ", ".join(name for name in units if name)


def _example(units: dict[str, float]) -> str:
    return f"'12 {next(reversed([name for name in units if name][:2]))}'"


def _size(value: object) -> int:
    return round(parse_quantity(value, BYTES, what="size"))


def _duration(value: object) -> float:
    return parse_quantity(value, MILLISECONDS, what="duration")


def _fraction(value: object) -> float:
    return parse_quantity(value, FRACTION, what="fraction")


def _quantity(value: object) -> float:
    return parse_quantity(value, BYTES | MILLISECONDS | FRACTION, what="quantity")


Size = Annotated[int, BeforeValidator(_size)]
"""Bytes; written as a number of bytes or with B, kB, MB, GB, KiB, MiB, GiB."""

Duration = Annotated[float, BeforeValidator(_duration)]
"""Milliseconds; written as a number of milliseconds or with us, ms, s."""

Fraction = Annotated[float, BeforeValidator(_fraction)]
"""A share such as 0.01; may be written as ``1 %``."""


Quantity = Annotated[float, BeforeValidator(_quantity)]
"""A number with any of these units, or with none."""


def format_size(size: float) -> str:
    """Return bytes as people write them.

    >>> format_size(3_512_340)
    '3.51 MB'
    """
    for unit in ("GB", "MB", "kB"):
        if size >= BYTES[unit]:
            return f"{size / BYTES[unit]:.3g} {unit}"
    return f"{size:.0f} B"
