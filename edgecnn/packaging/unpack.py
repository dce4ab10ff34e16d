"""Unpacking of archives that are not trusted, to a folder."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, MachineFault
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging import untrusted
from edgecnn.packaging.read_tar import read_tar
from edgecnn.packaging.read_zip import read_zip

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

_TARS = (".tar.gz", ".tgz")


@dataclass(frozen=True)
class Member:
    """A file that was unpacked.

    Attributes:
        size: Its size in bytes.
        sha256: Digest of its content.
    """

    size: int
    sha256: str


def unpack(path: Path, folder: Path, *, most: int | None = None) -> dict[str, Member]:
    """Unpack an untrusted ``.whl``, ``.aar``, ``.zip`` or ``.tar.gz`` file below a folder.

    Names and headers of all members are checked before the first is written. At no time is more than a
    block of a member in memory.

    Args:
        path: The archive.
        folder: A folder that is made, and holds nothing else.
        most: Largest total size of the members, in bytes; by default ``untrusted.MAX_BYTES``.

    Returns:
        Size and digest of every file, by its path below the folder.

    Raises:
        InputError: The archive cannot be read, is of another type, or its members are too many or too large.
        DamagedPackage: It is damaged, or a member has a name or a type that no package has.
        MachineFault: The folder cannot be written.
    """
    most = untrusted.MAX_BYTES if most is None else most
    try:
        with _opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not path.name.endswith(_TARS):
                return _write(read_zip(file, size, most=most), folder)
            for _, blocks in read_tar(file, size, most=most):
                for _ in blocks:  # the whole stream is checked before anything is written
                    pass
            return _write(read_tar(file, size, most=most), folder)
    except InputError as error:
        raise type(error)(f"{path}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tarfile.TarError, zlib.error) as error:
        raise DamagedPackage(f"{path.name} is damaged: {error}") from error
    except DamagedPackage as error:
        raise DamagedPackage(f"{path.name} is damaged: {error}") from error


def _opened(path: Path) -> BinaryIO:
    """Open a regular file of bounded size, without waiting for the other end of a pipe."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_size > untrusted.MAX_BYTES:
        file.close()
        raise InputError(
            "it is no regular file"
            if not stat.S_ISREG(found.st_mode)
            else f"it has {found.st_size} bytes, more than a package may have"
        )
    return file


def _write(members: Iterable[tuple[str, Iterable[bytes]]], folder: Path) -> dict[str, Member]:
    found = {}
    for name, blocks in members:
        found[name] = _write_member(blocks, folder / name)
    return found


def _write_member(blocks: Iterable[bytes], path: Path) -> Member:
    digest, size = hashlib.sha256(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = path.open("xb")
    except OSError as error:
        raise MachineFault(f"cannot be unpacked to {path.parent}: {error.strerror}") from error
    with sink:
        for block in blocks:
            digest.update(block)
            size += len(block)
            try:
                sink.write(block)
            except OSError as error:
                raise MachineFault(f"cannot be unpacked to {path.parent}: {error.strerror}") from error
    return Member(size, digest.hexdigest())
