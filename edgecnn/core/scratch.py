"""Temporary directories that nobody has to delete by hand: those of killed processes are removed by the next.

A directory is locked while its process lives. The lock ends with the process, however it ends, so that a
directory which can be locked has been left. Only directories of this user are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.replace import clear

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "edgecnn."
_DRAWN = 8
"""Characters that :mod:`tempfile` adds to a prefix."""


@contextlib.contextmanager
def scratch_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield an empty directory, which only this user can read; it is removed when the block ends.

    Directories with the same prefix whose processes have died are removed first.

    Args:
        parent: Existing folder in which it is made.
        prefix: First characters of its name; eight others follow.

    Yields:
        Its absolute path.

    Raises:
        OSError: It cannot be made.
    """
    _clear_left(parent, prefix)
    folder, lock = _make(parent.absolute(), prefix)
    try:
        yield folder
    finally:
        clear(folder)
        os.close(lock)


@contextlib.contextmanager
def own_temporary_files() -> Iterator[None]:
    """Collect the temporary files of this process, and of all that it starts, in one scratch directory.

    Where none can be made, they are made where the system has them.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            place = scratch_directory(Path(tempfile.gettempdir()), _PREFIX)
            before = os.environ.get("TMPDIR"), tempfile.tempdir
            os.environ["TMPDIR"] = tempfile.tempdir = str(stack.enter_context(place))
            stack.callback(_restore, *before)
        yield


def _restore(variable: str | None, folder: str | None) -> None:
    tempfile.tempdir = folder
    if variable is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = variable


def _make(parent: Path, prefix: str) -> tuple[Path, int]:
    """Make a directory and lock it; return it with the open lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # Between the two calls another process may have taken it for one that was left, and removed it.
        if _lock(lock) and folder.is_dir():
            return folder, lock
        os.close(lock)


def _clear_left(parent: Path, prefix: str) -> None:
    """Remove the directories of processes that have died."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(parent)  # noqa: PTH208 - pathlib takes longer than the rest of a short command
    for name in names:
        if not name.startswith(prefix) or len(name) != len(prefix) + _DRAWN:
            continue
        folder = parent / name
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if _lock(lock):
                    clear(folder)
            finally:
                os.close(lock)


def _lock(directory: int) -> bool:
    """Lock an open directory; return whether no other process has it."""
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
