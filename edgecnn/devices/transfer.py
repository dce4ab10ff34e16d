"""Transport of files to a worker and back, which is not needed if it shares this machine's file system."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Transfer(Protocol):
    """Files between this machine and a worker's."""

    def send(self, path: Path) -> str:
        """Return the worker's path of a local file."""

    def folder(self, path: Path) -> str:
        """Return the worker's path of a folder whose files are later received in a local folder."""

    def receive(self, path: str, folder: Path) -> Path:
        """Return a local copy, in ``folder``, of a file that the worker wrote."""


class SharedFiles:
    """Transfer for a worker that shares the file system."""

    def send(self, path: Path) -> str:
        """Return the path itself."""
        return str(path)

    def folder(self, path: Path) -> str:
        """Return the path itself."""
        return str(path)

    def receive(self, path: str, folder: Path) -> Path:  # noqa: ARG002 - it lies there already
        """Return the path itself."""
        return Path(path)
