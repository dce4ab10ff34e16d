"""Class names in a TFLite file: a text in a zip archive behind the model, as its metadata has them."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MOST_FILES = 64
_MOST_BYTES = 4 << 20


def labels_of(file: Path, count: int | None) -> tuple[str, ...] | None:
    """Return the class names that a file holds, in the order of its outputs.

    A model is usable without them, so an archive that is damaged, encrypted or too large holds none.

    Args:
        file: The TFLite file.
        count: Number of the network's classes; a list of another length is of something else.
    """
    if count is None:
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()[:_MOST_FILES]
            for member in members:
                if not member.filename.lower().endswith(".txt") or member.file_size > _MOST_BYTES:
                    continue
                with archive.open(member) as source:
                    text = source.read(_MOST_BYTES).decode("utf-8")
                names = tuple(line.strip() for line in text.splitlines() if line.strip())
                if len(names) == count == len(set(names)):
                    return names
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, ValueError, EOFError):
        return None
    return None
