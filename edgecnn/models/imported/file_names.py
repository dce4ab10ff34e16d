"""Names of classes that exporters write beside a network, as text of a Python literal or of JSON."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_TEXT = 200_000
_MOST_NAME = 200
_KEYS = ("names", "classes", "labels")


def class_names(metadata: Mapping[str, str], classes: int | None) -> tuple[str, ...]:
    """Return the names of a file's classes; empty if it has none, or not one for each class.

    Args:
        metadata: The file's own entries; they are not trusted.
        classes: Number of classes.

    >>> class_names({"names": "{0: 'person', 1: 'bicycle'}"}, 2)
    ('person', 'bicycle')
    >>> class_names({"names": "['person']"}, 2)
    ()
    """
    for key in _KEYS:
        found = _names(metadata.get(key, ""))
        plain = [name.strip() for name in found if name.isprintable() and len(name) <= _MOST_NAME]
        if len(plain) == len(found) == classes and all(plain) and len(set(plain)) == len(plain):
            return tuple(plain)
    return ()


def _names(text: str) -> list[str]:
    """Return the texts of a list, or of numbered entries in the order of the numbers; empty for others."""
    if not text or len(text) > _MOST_TEXT:
        return []
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return []
    if isinstance(found, dict):
        if not all(str(key).isdigit() for key in found):
            return []
        numbered = sorted((int(key), value) for key, value in found.items() if isinstance(value, str))
        if [number for number, _ in numbered] != list(range(len(found))):
            return []
        return [value for _, value in numbered]
    return [item for item in found if isinstance(item, str)] if isinstance(found, list | tuple) else []
