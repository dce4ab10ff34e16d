"""Places that the user names for results: what is there is replaced only if edgecnn wrote it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, machine_fault
from edgecnn.core.files import is_dir

if TYPE_CHECKING:
    from pathlib import Path

_ELSEWHERE = "give another place, or move it away"


def require_own_folder(path: Path, mark: str, what: str) -> None:
    """Refuse a place where something lies that edgecnn did not write.

    Free are a name that nothing has, an empty folder, and a folder with the file that edgecnn writes into it.

    Args:
        path: The place of a folder.
        mark: Name of the file that tells such a folder.
        what: What such a folder is called, with its article.

    Raises:
        InputError: Something else is there, or the folder cannot be read.
    """
    if not os.path.lexists(path):
        return
    if is_dir(path) and (not (names := _names(path)) or mark in names):
        return
    raise InputError(f"{path} is there already and is not {what}, so it is not replaced", hint=_ELSEWHERE)


def require_nothing_else(path: Path, new: Path) -> None:
    """Refuse a place where a folder holds something that the folder that would replace it does not hold.

    Args:
        path: The place of a folder.
        new: The new folder.

    Raises:
        InputError: It does, or something that is no folder is there.
    """
    if not os.path.lexists(path):
        return
    others = sorted(_names(path) - _names(new)) if is_dir(path) else [path.name]
    if others:
        raise InputError(f"{path} is not replaced: {others[0]} is not edgecnn's", hint=_ELSEWHERE)


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208  the names are all that is needed
    except OSError as error:
        raise machine_fault(error) from error
