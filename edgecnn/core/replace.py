"""Files and directories that take the place of others in one step; removal of whatever is in the way."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# The kernel or the file system does not know the exchange.
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def put(new: Path, final: Path) -> None:
    """Give a file or directory its final name, in place of what has this name now.

    Somebody who looks for ``final`` meanwhile finds the old one or the new one. Where the file system cannot
    exchange two names, a directory is missing for the moment between two renames.

    Args:
        new: The new file or directory, in the same file system.
        final: Its final name; afterwards ``new`` names nothing.

    Raises:
        OSError: It cannot be renamed; ``final`` stays unchanged.
    """
    if not _is_there(final):
        new.rename(final)
        return
    if _plain_file(new) and not _is_folder(final):
        new.replace(final)
        return
    if _exchange(new, final):
        clear(new)
        return
    aside = new.with_name(f"{new.name}.old")
    final.rename(aside)
    try:
        new.rename(final)
    except OSError:
        aside.rename(final)
        raise
    clear(aside)


def take_away(path: Path, aside: Path) -> None:
    """Remove a file or directory so that nobody ever finds a part of it; harmless if it does not exist.

    Args:
        path: The file or directory.
        aside: A free name beside it, under which it is deleted.

    Raises:
        OSError: It cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        clear(aside)


def clear(path: Path) -> None:
    """Remove whatever is at a path: a file, a link, a directory with everything in it, or nothing.

    Missing permissions on our own directories are no obstacle. Links are removed, not followed.

    Raises:
        OSError: It cannot be removed.
    """
    if _is_folder(path):
        for folder, names, _ in os.walk(path):
            _open_up(Path(folder), names)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _open_up(folder: Path, names: list[str]) -> None:
    """Make a directory and those in it writable for their owner."""
    for each in (folder, *(folder / name for name in names)):
        if not each.is_symlink():
            with contextlib.suppress(OSError):
                each.chmod(stat.S_IRWXU)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; return whether this machine and file system can."""
    if sys.platform != "linux":
        return False
    import ctypes  # here, as every command imports this module and few exchange names

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNKNOWN:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
