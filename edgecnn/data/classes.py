"""``classes.txt``: the names of the classes, one a line, in the order of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded_text

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "classes.txt"

_MAX_BYTES = 1 << 22


def read_classes(file: Path) -> tuple[str, ...]:
    """Read class names. Two classes may share a name, as "crane" does twice in ImageNet.

    Raises:
        InputError: The file is empty, not UTF-8 or too large, or a line in it is empty.
    """
    text = read_bounded_text(file, _MAX_BYTES)
    names = tuple(line.strip() for line in text.rstrip().split("\n"))
    if not all(names):
        line = names.index("") + 1
        raise InputError(f"{file}:{line}: empty class name")
    return names


def class_indices(classes: tuple[str, ...]) -> dict[str, int | None]:
    """Map each name to its label, or to None where two classes share it.

    >>> class_indices(("crane", "tench", "crane"))
    {'crane': None, 'tench': 1}
    """
    indices: dict[str, int | None] = {}
    for index, name in enumerate(classes):
        indices[name] = None if name in indices else index
    return indices
