"""JSON text from outside: bounded in size, depth and numbers, parsed with the standard library alone.

Every other module reads JSON through this one, on a device as on a workstation.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 16 << 20
"""Largest text that is parsed where the caller names no other limit, in bytes or characters."""

MOST_DEPTH = 64
"""Most objects and lists inside each other."""

_MOST_DIGITS = 19
"""Digits of the largest integer of 64 bits."""

_SHOWN = 40
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_CLOSING = "]}"


def parse_json(text: str | bytes, *, most: int = MOST_BYTES, wire: bool = False) -> Any:
    """Parse JSON text.

    Time and memory grow linearly with the text. A byte order mark is skipped. Refused are: text that is not
    UTF-8, a name that appears twice in an object, deep nesting, whole numbers beyond 64 bits, numbers that
    are not finite, and text that no file and no terminal can hold (NUL, half of a surrogate pair).

    Args:
        text: The text.
        most: Largest accepted length.
        wire: Whether a process of edgecnn sent the text, in which any number and any text is accepted, such
            as a path that is not Unicode.

    Raises:
        ValueError: The text is refused; the message is one line that begins with "it".

    >>> parse_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json("[" * 1000)
    Traceback (most recent call last):
    ValueError: it is nested too deeply: more than 64 levels
    """
    if len(text) > most:
        raise ValueError(f"it is larger than {most} bytes")
    plain = _decoded(text)
    _check_depth(plain)
    try:
        data = json.loads(
            plain,
            object_pairs_hook=_unique,
            parse_int=None if wire else _whole,
            parse_float=None if wire else _finite,
            parse_constant=None if wire else _no_constant,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if not wire and _ODD_ESCAPE.search(plain):
        _check_strings(data)
    return data


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no JSON: byte {error.start} is not UTF-8") from None


def _check_depth(text: str) -> None:
    """Count brackets outside strings before the parser, which calls itself for each level, sees them."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _NO_BRACKET.sub("", _STRING.sub("", text)):
        depth += -1 if bracket in _CLOSING else 1
        if depth > MOST_DEPTH:
            raise ValueError(f"it is nested too deeply: more than {MOST_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"it names {twice[:_SHOWN]!r} twice in one object")
    return found


def _whole(digits: str) -> int:
    if len(digits) <= _MOST_DIGITS + 1:
        value = int(digits)
        if -(2**63) <= value < 2**63:
            return value
    raise ValueError(f"it holds a whole number beyond 64 bits: {digits[:_SHOWN]}")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isfinite(value):
        return value
    raise ValueError(f"it holds a number beyond the range of a float: {digits[:_SHOWN]}")


def _no_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, which is no number of JSON")


def _check_strings(data: object) -> None:
    for text in _strings(data):
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError(f"it holds text that is not Unicode or contains NUL: {text[:_SHOWN]!a}")


def _strings(data: object) -> Iterator[str]:
    """Yield every text in parsed data, names included; the depth of the data is limited."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for name, item in data.items():
            yield name
            yield from _strings(item)
    elif isinstance(data, list):
        for item in data:
            yield from _strings(item)
