"""Files and directories that appear under their name only when they are complete.

Each is written as a draft beside its final place, flushed to the disk, and put in the place of the previous
version in one step, so that a killed process or a full disk leaves the previous version, and a reader finds
one or the other. A draft's name holds the number of its process: what a killed process left is removed when
the same file is written next.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, UsageError, not_written
from edgecnn.core.replace import clear, put, take_away

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextlib.contextmanager
def draft_file(final: Path) -> Iterator[Path]:
    """Yield the path of a draft, which replaces a file when the block ends without an error.

    Args:
        final: Path of the file; its folder is created if it is missing.

    Yields:
        Path to which the block writes the new content.

    Raises:
        OSError: The draft cannot be written or renamed; ``final`` stays unchanged.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(final)
    draft = _beside(final)
    try:
        yield draft
        flush(draft)
        put(draft, final)
        flush(final.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def draft_directory(final: Path) -> Iterator[Path]:
    """Yield an empty directory, which replaces another one when the block ends without an error.

    Args:
        final: Path of the directory; its parent is created if it is missing.

    Yields:
        Path in which the block creates the new files.

    Raises:
        OSError: The draft cannot be written or renamed; ``final`` stays unchanged.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(final)
    draft = _beside(final)
    try:
        clear(draft)
        draft.mkdir()
        yield draft
        flush_tree(draft)
        put(draft, final)
        flush(final.parent)
    finally:
        clear(draft)


def remove(path: Path) -> None:
    """Remove a file or a directory so that nobody ever finds a part of it; harmless if it does not exist.

    Raises:
        OSError: It cannot be removed.
    """
    if path.parent.is_dir():
        clear_leftovers(path)
        take_away(path, _beside(path))


def clear_leftovers(final: Path) -> None:
    """Remove the drafts of a file or directory whose processes have died.

    Raises:
        OSError: One of them cannot be removed.
    """
    pattern = re.compile(rf"\.{re.escape(final.name)}\.(\d+)\.(tmp|tmp\.old|old)")
    for path in final.parent.glob(".*"):
        found = pattern.fullmatch(path.name)
        if found and not _is_running(int(found[1])):
            clear(path)


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder into another, which is created if it is missing.

    ``shutil.copytree`` goes on after a failure, and reports all of them as texts without a number.

    Raises:
        OSError: The first that a file cannot be read or written with.
    """
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(exist_ok=True)
        else:
            shutil.copyfile(path, copy)


def require_regular(file: Path) -> None:
    """Refuse the name of an output that is there and is no regular file: writing to a pipe may never end.

    Raises:
        UsageError: It is a folder, a pipe or a device.
    """
    if exists(file) and not is_file(file):
        raise UsageError(f"{file} is no regular file", hint="give the name of a file to write")


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write text files, by name, into a folder, which is created if it is missing.

    Each replaces its previous version in one step.

    Raises:
        MachineFault: The folder cannot be written.
        InputError: A folder, a device or a pipe has the name of a file.
    """
    for name in texts:
        require_plain_file(folder / name)
    try:
        for name, text in texts.items():
            with draft_file(folder / name) as draft:
                draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise not_written(folder, error) from error


def require_plain_file(path: Path) -> None:
    """Refuse the place of a user's file where a folder, a device or a pipe is.

    Raises:
        InputError: One is there.
    """
    if exists(path) and not is_file(path):
        raise InputError(
            f"{path} is no file, so it is not replaced by one", hint="give another place, or move it away"
        )


def is_file(path: Path) -> bool:
    """Return whether there is a file of this name; False also for what cannot be a name, such as a long one.

    ``Path.is_file`` raises an error of names that are too long.
    """
    return _in_utf8(path, there=os.path.isfile(path))  # noqa: PTH113


def is_dir(path: Path) -> bool:
    """Return whether there is a folder of this name; False also for what cannot be a name."""
    return _in_utf8(path, there=os.path.isdir(path))  # noqa: PTH112


def exists(path: Path) -> bool:
    """Return whether there is anything of this name; False also for what cannot be a name."""
    return _in_utf8(path, there=os.path.exists(path))  # noqa: PTH110


def _in_utf8(path: Path, *, there: bool) -> bool:
    """Return whether something is there; its whole path must be text, as documents hold it.

    Raises:
        InputError: It is there, and its path is not UTF-8.
    """
    try:
        str(path.absolute() if there else "").encode()
    except UnicodeEncodeError:
        raise InputError(
            f"the path {str(path.absolute())!a} is not UTF-8",
            hint="rename the file, or the folder that it lies in, to a name in UTF-8",
        ) from None
    return there


def read_bounded(file: Path, most: int) -> bytes:
    """Read a file that may come from an untrusted source.

    Args:
        file: Path of the file.
        most: Largest accepted size in bytes; no more is read, even of a file that grows meanwhile.

    Raises:
        InputError: The file cannot be read, is larger, or is a folder, a pipe or a device.
    """
    content, _ = read_head(file, most + 1)
    if len(content) > most:
        raise InputError(f"{file} is larger than {_size(most)}")
    return content


def read_head(file: Path, most: int) -> tuple[bytes, int]:
    """Read at most ``most`` bytes of a file, and return them with the file's size in bytes.

    Raises:
        InputError: The file cannot be read, or is a folder, a pipe or a device.
    """
    try:
        # A pipe without a writer would block for ever if it were opened in the usual way.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_regular(file, handle, most)
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InputError(f"{str(file)!a} is no name of a file") from None


def _read_regular(file: Path, handle: int, most: int) -> tuple[bytes, int]:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise InputError(f"{file} cannot be read: it is {what}, not a file")
    with os.fdopen(handle, "rb", closefd=False) as content:
        return content.read(most), status.st_size


def read_bounded_text(file: Path, most: int) -> str:
    """Read UTF-8 text as :func:`read_bounded` reads bytes; a byte order mark is skipped.

    Raises:
        InputError: The file cannot be read, is larger or is not UTF-8.
    """
    try:
        return read_bounded(file, most).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text", hint="write it again in UTF-8") from None


def flush_tree(directory: Path) -> None:
    """Flush every file below a directory, and their names, to the disk.

    Raises:
        OSError: The disk does not accept them.
    """
    for path in (directory, *directory.rglob("*")):
        if path.is_dir() or path.is_file():
            flush(path)


def flush(path: Path) -> None:
    """Flush the content of a file, or the names in a directory, to the disk.

    Raises:
        OSError: The disk does not accept them.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(count: int) -> str:
    """Return a limit in the largest unit that divides it."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def _beside(final: Path) -> Path:
    """Return a hidden path in the same folder that no other running process uses."""
    return final.with_name(f".{final.name}.{os.getpid()}.tmp")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
