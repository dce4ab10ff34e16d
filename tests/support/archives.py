"""Archives of packages, read into memory: those of tests are small."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgecnn.packaging.unpack import unpack


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the content of every file of an archive by its path."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "unpacked"
        return {name: (folder / name).read_bytes() for name in unpack(path, folder)}
