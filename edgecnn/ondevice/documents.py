"""Reading and writing of frozen dataclasses as JSON with the standard library alone.

Packages and workers use this file without pydantic. The annotations of a class define its JSON: ``str``,
``int``, ``float``, ``bool``, literals, other documents, tuples, ``dict[str, ...]``, unions of these with
``None``, and ``object`` for any JSON value.
"""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_TEXT = 20_000_000
"""Largest text of a document, in bytes: golden vectors of large outputs."""

_MAX_DEPTH = 32
_MAX_SHOWN = 60
_MAX_WHOLE = 2**1000
_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "null"}


@dataclass(frozen=True)
class PlainDocument:
    """Base of a frozen dataclass that is stored or sent as JSON.

    Reading is strict: unknown keys, missing keys, values of another type and numbers that are not finite are
    errors. Only a whole number is accepted for a float, and converted.
    """

    lenient: ClassVar[bool] = False
    """True where unknown keys are left out instead of refused, because other versions may write more."""
    added: ClassVar[tuple[str, ...]] = ()
    """Fields that older versions did not have; defaults are not written, so that old digests stay."""

    def to_json(self) -> dict[str, Any]:
        """Return the document as plain JSON data, with its fields in order."""
        plain: dict[str, Any] = _plain(self)
        return plain

    @classmethod
    def from_json(cls, data: object, name: str = "") -> Self:
        """Read a document from plain data.

        Args:
            data: Result of :meth:`to_json`.
            name: Name of the data in errors, such as the name of its file.

        Raises:
            ValueError: The data is not such a document; the message is one line with the place of the error.

        >>> @dataclass(frozen=True)
        ... class Size(PlainDocument):
        ...     sides: tuple[int, ...]
        >>> Size.from_json({"sides": [8, 8.5]}, "size.json")
        Traceback (most recent call last):
        ValueError: size.json: sides[1]: 8.5 is not a whole number
        """
        try:
            found: Self = _document(cls, data, "")
        except ValueError as error:
            raise ValueError(f"{name}: {error}" if name else str(error)) from None
        return found

    @classmethod
    def from_text(cls, text: str | bytes, name: str = "", *, wire: bool = False) -> Self:
        """Read a document from JSON text; ``wire`` is that of :func:`parse_json`.

        Raises:
            ValueError: The text is not JSON, breaks a limit of :func:`parse_json`, or is not such a document.
        """
        try:
            data = parse_json(text, most=MOST_TEXT, wire=wire)
        except ValueError as error:
            raise ValueError(f"{name or 'the text'} {str(error).removeprefix('it ')}") from None
        return cls.from_json(data, name)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        added = getattr(value, "added", ())
        return {
            field.name: _plain(getattr(value, field.name))
            for field in fields(value)
            if field.name not in added or getattr(value, field.name) != field.default
        }
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _read(kind: Any, data: object, place: str) -> Any:
    """Return plain data as a value of an annotated type; ``place`` is its position in the document."""
    if isinstance(kind, type) and issubclass(kind, PlainDocument):
        return _document(kind, data, place)
    return _READERS[get_origin(kind) or kind](kind, data, place)


def _document(kind: Any, data: object, place: str) -> Any:
    found = _object(data, place)
    wanted = _fields(kind)
    for name in found:
        if name not in wanted and not kind.lenient:
            raise _fault(f"unknown key {name[:_MAX_SHOWN]!r}", place)
    for name, (_, required) in wanted.items():
        if required and name not in found:
            raise _fault(f"{name} is missing", place)
    values = {
        name: _read(kind_of_field, found[name], f"{place}.{name}")
        for name, (kind_of_field, _) in wanted.items()
        if name in found
    }
    try:
        return kind(**values)
    except ValueError as error:
        raise _fault(str(error), place) from None


@lru_cache(maxsize=256)
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field of a document's class, and whether it is required."""
    types = get_type_hints(kind)
    return {
        field.name: (types[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
    }


def _scalar(kind: Any, data: object, place: str) -> Any:
    if kind is float and type(data) is int and abs(data) < _MAX_WHOLE:
        return float(data)
    if type(data) is not kind or (isinstance(data, float) and not math.isfinite(data)):
        raise _fault(f"{_shown(data)} is not {_WORDS[kind]}", place)
    return data


def _choice(kind: Any, data: object, place: str) -> Any:
    choices = get_args(kind)
    if not isinstance(data, str) or data not in choices:
        raise _fault(f"{_shown(data)} is not one of {', '.join(choices)}", place)
    return data


def _union(kind: Any, data: object, place: str) -> Any:
    """Read the first of the types that accepts the data; the message is that of the last."""
    options = sorted(get_args(kind), key=lambda option: option is not NoneType)
    for option in options[:-1]:
        try:
            return _read(option, data, place)
        except ValueError:
            continue
    return _read(options[-1], data, place)


def _tuple(kind: Any, data: object, place: str) -> tuple[Any, ...]:
    if not isinstance(data, (list, tuple)):
        raise _fault(f"{_shown(data)} is not a list", place)
    types = get_args(kind)
    if types[-1] is Ellipsis:
        types = types[:1] * len(data)
    if len(data) != len(types):
        raise _fault(f"there are {len(data)} values, not {len(types)}", place)
    return tuple(
        _read(each, item, f"{place}[{index}]")
        for index, (each, item) in enumerate(zip(types, data, strict=True))
    )


def _mapping(kind: Any, data: object, place: str) -> dict[str, Any]:
    each = get_args(kind)[1]
    return {name: _read(each, item, _inside(place, name)) for name, item in _object(data, place).items()}


def _anything(_kind: Any, data: object, place: str, depth: int = _MAX_DEPTH) -> Any:
    """Return data unchanged if it is a JSON value."""
    if depth == 0:
        raise _fault("it is nested too deeply", "")
    if isinstance(data, (list, tuple)):
        return [_anything(_kind, item, f"{place}[{index}]", depth - 1) for index, item in enumerate(data)]
    if isinstance(data, dict):
        items = _object(data, place).items()
        return {name: _anything(_kind, item, _inside(place, name), depth - 1) for name, item in items}
    if type(data) not in _WORDS:
        raise _fault(f"{_shown(data)} is nothing that JSON can hold", place)
    return _scalar(type(data), data, place)


def _object(data: object, place: str) -> dict[str, object]:
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise _fault(f"{_shown(data)} is not an object of named values", place)
    return data


def _inside(place: str, name: str) -> str:
    """Return the place of an entry of a dictionary with untrusted names."""
    return f"{place}[{name[:_MAX_SHOWN]!r}]"


def _fault(text: str, place: str) -> ValueError:
    where = place.removeprefix(".")
    return ValueError(f"{where}: {text}" if where else text)


def _shown(data: object) -> str:
    """Return data as short text on one line, for messages."""
    if data is None or isinstance(data, bool):
        return json.dumps(data)
    if isinstance(data, (str, int, float)):
        return repr(data)[:_MAX_SHOWN]
    if isinstance(data, (list, tuple)):
        return "a list"
    return "an object" if isinstance(data, dict) else f"a {type(data).__name__}"


_READERS: dict[object, Callable[[Any, Any, str], Any]] = {
    **dict.fromkeys(_WORDS, _scalar),
    **dict.fromkeys((Union, UnionType), _union),
    Literal: _choice,
    tuple: _tuple,
    dict: _mapping,
    object: _anything,
}
