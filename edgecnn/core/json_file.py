"""JSON files: the one way in which they are read, with limits on size, depth and numbers.

The limits are those of :mod:`edgecnn.ondevice.json_text`, which packages and workers use without this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded
from edgecnn.ondevice import json_text

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 16 << 20
"""Largest JSON file that is read where the caller names no other limit, in bytes."""


def read_json(path: Path, *, what: str = "a JSON file", most_bytes: int = MOST_BYTES) -> Any:
    """Read a JSON file; only regular files are read.

    Args:
        path: Path of the file.
        what: What the file should be, with its article, such as ``a manifest``.
        most_bytes: Largest accepted size in bytes.

    Returns:
        Plain data; the caller checks its form.

    Raises:
        InputError: The file cannot be read, is too large, or is refused by the parser; the message is one
            line with the path.
    """
    content = read_bounded(path, most_bytes)
    return parse_json(content, str(path), what=what, most_bytes=most_bytes)


def parse_json(text: str | bytes, name: str, *, what: str, most_bytes: int = MOST_BYTES) -> Any:
    """Parse JSON text as :func:`read_json` does.

    Args:
        text: The text.
        name: Name of the text in messages.
        what: What the text should be, with its article.
        most_bytes: Largest accepted length.

    Raises:
        InputError: The text is refused by the parser.
    """
    try:
        return json_text.parse_json(text, most=most_bytes)
    except ValueError as error:
        raise InputError(f"{name} is not {what}: {error}") from None
