"""The user's modules are compiled from the source that their digest describes, never taken from bytecode.

Python takes a module's bytecode from ``__pycache__`` if the source has the recorded size and modification
time in seconds. Both may stay the same while the text changes (a checkout that restores times, an archive,
two edits in one second), and a folder of a stranger may bring bytecode of another text.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.models.own_code import is_installed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType


class _SourceLoader(SourceFileLoader):
    """A loader that compiles the source and neither reads nor writes bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _SourceFinder(MetaPathFinder):
    """A finder that asks the others, and loads what is not installed from its source.

    Some of the others ask all finders in their turn, such as those that count executed lines: what is being
    looked for already is not looked for again.
    """

    def __init__(self) -> None:
        self._wanted: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._wanted:
            return None
        self._wanted.add(fullname)
        try:
            others = [finder for finder in sys.meta_path if finder is not self]
            found = next(filter(None, (one.find_spec(fullname, path, target) for one in others)), None)
        finally:
            self._wanted.discard(fullname)
        if found is None or type(found.loader) is not SourceFileLoader or found.origin is None:
            return found
        if not is_installed(Path(found.origin)):
            found.loader = _SourceLoader(fullname, found.origin)
        return found


def compile_own_code_anew() -> None:
    """Let this process compile every module that is not installed; those that are loaded already stay."""
    if not any(isinstance(finder, _SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SourceFinder())
