"""Numbers in annotations: ASCII digits of a limited length, not all that Python reads as a number."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_REAL = re.compile(
    r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]{1,4})?|nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII
)
_MOST_CHARACTERS = 64
_SHOWN = 20


def whole_number(text: str) -> int:
    """Return a whole number of at most 18 digits.

    Raises:
        ValueError: The text is none.

    >>> whole_number("640")
    640
    >>> whole_number("1_0")
    Traceback (most recent call last):
    ValueError: '1_0' is no whole number
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    raise ValueError(f"{text[:_SHOWN]!r} is no whole number")


def real_number(text: str) -> float:
    """Return a number, which may be infinite or NaN.

    Raises:
        ValueError: The text is none.

    >>> real_number("1e3")
    1000.0
    """
    if len(text) <= _MOST_CHARACTERS and _REAL.fullmatch(text):
        return float(text)
    raise ValueError(f"{text[:_SHOWN]!r} is no number")
