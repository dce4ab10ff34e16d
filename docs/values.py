"""The values that a key may have, read from the types of a schema's fields."""

from __future__ import annotations

import ast
import inspect
import types
import typing
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from edgecnn.core.config import quantities

if typing.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PLAIN = {str: "text", bool: "`true`, `false`", int: "whole number", float: "number"}
_KINDS = ("Size", "Duration", "Fraction", "Ratio", "Count", "Quantity")
_WORDS = {"Fraction": "share"}
"""Names of the kinds of quantities that are not those of their types."""


def kinds() -> str:
    """Return the kinds of quantities as lines of Markdown, from the docstrings of their types."""
    meanings: dict[str, str] = {}
    for line, text in pairwise(ast.parse(inspect.getsource(quantities)).body):
        match line, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(said))):
                meanings[name] = " ".join(said.replace("``", "`").split())
    return "\n".join(f"* *{_kind_word(kind)}*: {meanings[kind]}" for kind in _KINDS)


def values_of(field: FieldInfo) -> str:
    """Return the values of a field in words, such as ``whole number, 1 to 8192``."""
    return ", or ".join(dict.fromkeys(_values(field.annotation, field.metadata)))


def _values(annotation: Any, metadata: Sequence[Any]) -> Iterator[str]:
    kind = next(filter(None, map(_kind, metadata)), None)
    if kind is not None:
        yield _bounded(_kind_word(kind), metadata)
    elif get_args(annotation):
        yield from _composed(get_origin(annotation), get_args(annotation), metadata)
    elif annotation in _PLAIN:
        yield _bounded(_PLAIN[annotation], metadata)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "section"
    else:
        yield "any value"


def _composed(origin: Any, inside: Sequence[Any], metadata: Sequence[Any]) -> Iterator[str]:
    if origin is typing.Annotated:
        yield from _values(inside[0], (*inside[1:], *metadata))
    elif origin is Literal:
        yield ", ".join(f"`{name}`" for name in inside)
    elif origin in (typing.Union, types.UnionType):
        for each in inside:
            if each is not types.NoneType:
                yield from _values(each, metadata)
    elif origin is dict:
        yield f"mapping of {_one(inside[0])} to {_one(inside[1])}"
    else:
        yield "list of " + ", ".join(_one(each) for each in inside if each is not Ellipsis)


def _one(annotation: Any) -> str:
    return f"[{', or '.join(dict.fromkeys(_values(annotation, ())))}]"


def _bounded(word: str, metadata: Iterable[Any]) -> str:
    """Return the word with its limits: ``number, more than 0, at most 100``."""
    found: dict[str, Any] = {}
    for each in _flat(metadata):
        for name in ("gt", "ge", "lt", "le"):
            if isinstance(each, getattr(annotated_types, name.capitalize())):
                found[name] = getattr(each, name)
    if "ge" in found and "le" in found:
        return f"{word}, {found['ge']} to {found['le']}"
    signs = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    return ", ".join([word, *(f"{signs[name]} {limit}" for name, limit in found.items())])


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Yield metadata, and that inside of a ``Field``."""
    for each in metadata:
        if isinstance(each, FieldInfo):
            yield from each.metadata
        else:
            yield each


def _kind(metadata: Any) -> str | None:
    """Return the name of the kind of quantity that a part of a field's metadata makes of it."""
    if not isinstance(metadata, BeforeValidator):
        return None
    return next((kind for kind in _KINDS if metadata in get_args(getattr(quantities, kind))), None)


def _kind_word(kind: str) -> str:
    return _WORDS.get(kind, kind.lower())
