"""Quantities with units: ``400 kB``, ``12 ms``, ``1 %``, as pydantic types.

In what people write (YAML files, overrides, options), a size or a duration needs its unit, and a share is
``1 %`` or ``0.01`` but not ``1``: a number without a unit may mean anything, and a budget that was meant as
1 % would never be missed as 100 points. Stored documents hold bare numbers in the base unit: bytes,
milliseconds, a fraction. A reader of written text says so by the context :data:`WRITTEN`, and a writer of
such text by the same context.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, SerializationInfo, ValidationInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Unit = Literal["bytes", "milliseconds", "share", "ratio", "count"]
"""Kind of a quantity; a share is a fraction that is shown in percent."""

WRITTEN: dict[str, bool] = {"written": True}
"""Pydantic's context for text that people write and read, in place of a stored document."""

BYTES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
MILLISECONDS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
FRACTION = {"": 1.0, "%": 0.01}

LARGEST_RATIO = 100.0
"""Largest ratio of two latencies that can be a limit."""

_LARGEST_COUNT = 10**15
_QUANTITY = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)\s*([A-Za-zµ%]*)\s*")


def parse_quantity(value: object, units: Mapping[str, float], *, what: str) -> float:
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
    number, unit = _split(value, units, what)
    return number * units[unit] if unit is not None else number


def parse_written(value: object, unit: Unit, *, small: bool = False) -> float:
    """Return what a person wrote as a quantity in its base unit.

    Args:
        value: A number, or text with a unit.
        unit: Kind of the quantity.
        small: Whether a size is of kilobytes rather than of megabytes, for the likely meaning.

    Raises:
        ValueError: The unit is missing where it decides, a share is more than 1 or a bare whole number, or
            the value is none of this kind; the message has the likely meaning.

    >>> parse_written("3 MB", "bytes"), parse_written("1 %", "share"), parse_written(2, "ratio")
    (3000000.0, 0.01, 2.0)
    >>> parse_written(79, "share")
    Traceback (most recent call last):
    ValueError: 79 is not a share; did you mean 79 %?
    """
    return _written_size(value, "kB") if small and unit == "bytes" else _READERS[unit](value)


def _split(value: object, units: Mapping[str, float], what: str) -> tuple[float, str | None]:
    """Return the number and the unit of a quantity; None for a bare number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a {what}")  # noqa: TRY004 - pydantic reports ValueError
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is not a {what}; write it like {_example(units)}")
        number, unit = float(match[1]), match[2] or None
    else:
        number, unit = _float(value, what), None
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{_shown(value)} is not a {what}: it must be finite and not negative")
    if unit is not None and unit not in units:
        raise ValueError(f"{value!r} is not a {what}: unit {unit!r} is not one of {_names(units)}")
    return number, unit


def _float(value: float, what: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"a number of {int(value).bit_length()} bits is not a {what}") from None


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _names(units: Mapping[str, float]) -> str:
    return ", ".join(name for name in units if name)


def _example(units: Mapping[str, float]) -> str:
    return f"'12 {next(reversed([name for name in units if name][:2]))}'"


def _written_size(value: object, usual: str = "MB") -> float:
    number, unit = _split(value, BYTES, "size")
    if unit is None and number:
        raise ValueError(
            f"{_shown(value)} is a size without a unit; did you mean {_likely_size(number, usual)}?"
        )
    return number * BYTES[unit or "B"]


def _likely_size(number: float, usual: str) -> str:
    """Return a number with the unit that people most often mean: files have kilobytes to megabytes.

    >>> _likely_size(3, "MB"), _likely_size(300, "MB"), _likely_size(160_000, "MB")
    ('3 MB', '300 kB', '160 kB')
    """
    unit = usual if number < 32 else "kB" if number < 10_000 else ""
    return f"{number:g} {unit}" if unit else format_size(number)


def _written_duration(value: object) -> float:
    number, unit = _split(value, MILLISECONDS, "duration")
    if unit is None and number:
        raise ValueError(f"{_shown(value)} is a duration without a unit; did you mean {number:g} ms?")
    return number * MILLISECONDS[unit or "ms"]


def _written_share(value: object) -> float:
    number, unit = _split(value, FRACTION, "fraction")
    bare = unit is None and number.is_integer() and not (isinstance(value, float) and number <= 1)
    if bare and number:
        whole = ", or 100 % for the whole" if number == 1 else ""
        meant = f"; did you mean {number:g} %{whole}?" if number <= 100 else ""
        raise ValueError(f"{_shown(value)} is not a share{meant}")
    share = number * FRACTION[unit or ""]
    if share > 1:
        meant = f"; did you mean {number:g} %?" if unit is None and number <= 100 else ""
        raise ValueError(f"{_shown(value)} is more than 100 %{meant}")
    return share


def _written_ratio(value: object) -> float:
    number, unit = _split(value, FRACTION, "ratio")
    ratio = number * FRACTION[unit or ""]
    if ratio > LARGEST_RATIO:
        meant = f"; did you mean {number:g} %?" if unit is None else ""
        raise ValueError(f"{_shown(value)} is more than {LARGEST_RATIO:g}, the largest ratio{meant}")
    return ratio


def _written_count(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - pydantic reports ValueError
    if not 0 <= value <= _LARGEST_COUNT:
        raise ValueError(f"a count is at least 0 and at most {_LARGEST_COUNT}")
    return value


_READERS: Mapping[Unit, Callable[[object], float]] = {
    "bytes": _written_size,
    "milliseconds": _written_duration,
    "share": _written_share,
    "ratio": _written_ratio,
    "count": _written_count,
}


def is_written(info: ValidationInfo | SerializationInfo) -> bool:
    """Return whether pydantic reads or writes text of people, in place of a stored document."""
    return bool(info.context and info.context.get("written"))


def _size(value: object, info: ValidationInfo) -> int:
    return round(_written_size(value) if is_written(info) else parse_quantity(value, BYTES, what="size"))


def _duration(value: object, info: ValidationInfo) -> float:
    if is_written(info):
        return _written_duration(value)
    return parse_quantity(value, MILLISECONDS, what="duration")


def _fraction(value: object, info: ValidationInfo) -> float:
    return _written_share(value) if is_written(info) else parse_quantity(value, FRACTION, what="fraction")


def _ratio(value: object, info: ValidationInfo) -> float:
    return _written_ratio(value) if is_written(info) else parse_quantity(value, FRACTION, what="ratio")


def _count(value: object, info: ValidationInfo) -> object:
    return _written_count(value) if is_written(info) else value


def _quantity(value: object) -> float:
    return parse_quantity(value, BYTES | MILLISECONDS | FRACTION, what="quantity")


def _write_size(value: int, info: SerializationInfo) -> int | str:
    return f"{value} B" if is_written(info) else value


def _write_duration(value: float, info: SerializationInfo) -> float | str:
    return f"{value!r} ms" if is_written(info) else value


Size = Annotated[int, BeforeValidator(_size), PlainSerializer(_write_size)]
"""Bytes; written with B, kB, MB, GB, KiB, MiB or GiB."""

Duration = Annotated[float, BeforeValidator(_duration), PlainSerializer(_write_duration)]
"""Milliseconds; written with us, ms or s."""

Fraction = Annotated[float, BeforeValidator(_fraction)]
"""A share from 0 to 1, written as ``1 %`` or ``0.01``."""

Ratio = Annotated[float, BeforeValidator(_ratio)]
"""A multiple of another value from 0 to 100, such as 0.5 or ``50 %``."""

Count = Annotated[int, BeforeValidator(_count)]
"""A whole number that is not negative."""

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
