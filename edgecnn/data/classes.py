"""``classes.txt``: the names of the classes, one a line, in the order of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, hinting
from edgecnn.core.files import read_bounded_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE_NAME = "classes.txt"

_FORM = "it holds the names of the classes in UTF-8, one a line, in the order of the labels"
_MAX_BYTES = 1 << 22
_SHOWN = 5
_SHOWN_CHARACTERS = 40


def read_classes(file: Path) -> tuple[str, ...]:
    """Read class names. Two classes may share a name, as "crane" does twice in ImageNet.

    Raises:
        InputError: The file is empty, not UTF-8 or too large, or a line in it is empty.
    """
    with hinting(_FORM):
        text = read_bounded_text(file, _MAX_BYTES)
    names = tuple(line.strip() for line in text.rstrip().split("\n"))
    if not all(names):
        line = names.index("") + 1
        raise InputError(f"{file}:{line}: empty class name", hint="write the name of the class into the line")
    return names


def difference(one: Sequence[str], other: Sequence[str]) -> str | None:
    """Return in words how the classes of two datasets differ; None if they are the same in the same order.

    The names that only one of both has are listed, five of them and the number of the others.

    >>> difference(("cat", "dog"), ("cat", "fox"))
    "only the first has 'dog'; only the second has 'fox'"
    >>> difference(("cat", "dog"), ("dog", "cat"))
    "the order differs: class 0 is 'cat' in the first and 'dog' in the second"
    """
    if tuple(one) == tuple(other):
        return None
    sides = [
        f"only the {which} has {_listed(only)}"
        for which, only in (
            ("first", [name for name in one if name not in set(other)]),
            ("second", [name for name in other if name not in set(one)]),
        )
        if only
    ]
    if sides:
        return "; ".join(sides)
    places = (place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    place = next(places, None)
    if place is None:
        return f"the first has {len(one)} classes, the second {len(other)}"
    left, right = one[place], other[place]
    return f"the order differs: class {place} is {left!r} in the first and {right!r} in the second"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:_SHOWN_CHARACTERS]) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def class_indices(classes: tuple[str, ...]) -> dict[str, int | None]:
    """Map each name to its label, or to None where two classes share it.

    >>> class_indices(("crane", "tench", "crane"))
    {'crane': None, 'tench': 1}
    """
    indices: dict[str, int | None] = {}
    for index, name in enumerate(classes):
        indices[name] = None if name in indices else index
    return indices
