"""Text for messages: the name that was meant, and a library's reason in one line."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIMILARITY = 0.5
"""Names that are less alike than this, by difflib's ratio, are not proposed."""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
"""What makes a terminal show colors."""


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str | None:
    """Return a hint with the known names that are most like an unknown one.

    Args:
        name: What the user wrote.
        known: The names that exist.
        most: How many names the hint may hold.

    Returns:
        The hint, the most similar name first; None where no known name is similar.

    >>> did_you_mean("mobilnetv2", ["mobilenetv2", "resnet18"])
    "did you mean 'mobilenetv2'?"
    """
    close = difflib.get_close_matches(name, list(known), n=most, cutoff=_SIMILARITY)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that does not exist, with the nearest existing names as its hint.

    Args:
        kind: What bears such names, such as ``zoo model``.
        name: What the user wrote.
        known: The names that exist.

    >>> print(unknown_name("zoo model", "mobilnetv2", ["mobilenetv2", "resnet18"]).hint)
    did you mean 'mobilenetv2'?
    """
    known = list(known)
    hint = did_you_mean(name, known, most=3) or f"known: {', '.join(known[:20])}"
    return UsageError(f"unknown {kind} {name!r}", hint=hint)


def one_line(error: BaseException, limit: int = 300) -> str:
    r"""Return a library's whole message on one line, or the error's type where it has no message.

    Args:
        error: What the library raised.
        limit: The most characters to return.

    >>> one_line(ValueError("the file\n  is damaged"))
    'the file is damaged'
    """
    return " ".join(str(error).split())[:limit] or type(error).__name__


def first_line(error: BaseException, limit: int = 300) -> str:
    r"""Return the first line of a library's message that holds anything, or the error's type if none does.

    Args:
        error: What the library raised.
        limit: The most characters to return.

    >>> first_line(RuntimeError("\nsizes do not match\nat kernel.cpp:12"))
    'sizes do not match'
    """
    lines = [line.strip() for line in _COLORS.sub("", str(error)).splitlines() if line.strip()]
    return lines[0][:limit] if lines else type(error).__name__
