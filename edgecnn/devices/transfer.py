"""How files get to a worker and back: not at all where it sees this machine's file system."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Transfer(Protocol):
    """Files between this machine and a worker's."""

    def send(self, path: Path) -> str:
        """Return the path under which the worker sees a file of this machine's."""

    def folder(self, path: Path) -> str:
        """Return the path under which the worker writes what shall end up in a folder of this machine's."""

    def receive(self, path: str, folder: Path) -> Path:
        """Return a file that the worker wrote, on this machine, in ``folder``."""


class SharedFiles:
    """The worker sees the same files."""

    def send(self, path: Path) -> str:
        """Return the path itself."""
        return str(path)

    def folder(self, path: Path) -> str:
        """Return the path itself."""
        return str(path)

    def receive(self, path: str, folder: Path) -> Path:  # noqa: ARG002 - it lies there already
        """Return the path itself."""
        return Path(path)
