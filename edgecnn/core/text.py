"""Text for messages: similar names, and a library's reason in one line."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIMILARITY = 0.5
"""Names with a lower similarity, by difflib's ratio, are not proposed."""

_SHOWN = 100
"""Characters of an unknown name in a message; names may come from a stranger's file."""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
"""Escape sequences of colours in a terminal."""


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str | None:
    """Return a hint with the known names that are most similar to an unknown one.

    Args:
        name: The user's name.
        known: The existing names.
        most: Largest number of names in the hint.

    Returns:
        The hint, with the most similar name first; None if no known name is similar.

    >>> did_you_mean("mobilnetv2", ["mobilenetv2", "resnet18"])
    "did you mean 'mobilenetv2'?"
    """
    close = nearest(name, known, most)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else None


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the known names that are similar to a name, the most similar first; none if no name is.

    >>> nearest("runtme", ["runtime", "format"])
    ['runtime']
    """
    return difflib.get_close_matches(name, list(known), n=most, cutoff=_SIMILARITY)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that does not exist, with the nearest existing names as its hint.

    Args:
        kind: Kind of the named things, such as ``zoo model``.
        name: The user's name.
        known: The existing names.

    >>> print(unknown_name("zoo model", "mobilnetv2", ["mobilenetv2", "resnet18"]).hint)
    did you mean 'mobilenetv2'?
    """
    known = list(known)
    hint = did_you_mean(name, known, most=3) or f"known: {', '.join(known[:20])}"
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    return UsageError(f"unknown {kind} {shown!r}", hint=hint)


def one_line(error: BaseException, limit: int = 300) -> str:
    r"""Return a library's whole message on one line, or the error's type if it has no message.

    Args:
        error: The library's exception.
        limit: Largest number of characters.

    >>> one_line(ValueError("the file\n  is damaged"))
    'the file is damaged'
    """
    return " ".join(str(error).split())[:limit] or type(error).__name__


def first_line(error: BaseException, limit: int = 300) -> str:
    r"""Return the first line of a library's message that is not empty, or the error's type.

    Args:
        error: The library's exception.
        limit: Largest number of characters.

    >>> first_line(RuntimeError("\nsizes do not match\nat kernel.cpp:12"))
    'sizes do not match'
    """
    lines = [line.strip() for line in _COLORS.sub("", str(error)).splitlines() if line.strip()]
    return lines[0][:limit] if lines else type(error).__name__
