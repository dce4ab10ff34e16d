"""Reproducible archives, and reading of archives that are not trusted."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.ondevice.bundle import plain_path
from edgecnn.ondevice.failure import DamagedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_MEMBERS = 10_000
MAX_BYTES = 2 << 30
"""Largest total size of an archive's unpacked members."""

PAGE = 16_384
"""Alignment of files that Android maps into memory: pages of 16 KiB (devices of 2025 and later)."""

_FILE, _PROGRAM = 0o100644, 0o100755
_ALIGNMENT_FIELD = 0xD935
_LOCAL_HEADER = 30
_ENCRYPTED = 0x1
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def write_zip(
    files: Mapping[str, bytes], path: Path, *, epoch: int, aligned: frozenset[str] = frozenset()
) -> None:
    """Write a zip file with sorted names and one date, without information on this machine.

    Args:
        files: Content by name.
        path: Path of the file.
        epoch: Date of every member, in seconds since 1970.
        aligned: Members that are stored uncompressed and begin at a multiple of :data:`PAGE`.
    """
    date = time.gmtime(epoch)[:6]
    with path.open("wb") as sink, zipfile.ZipFile(sink, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date)
            info.create_system, info.external_attr = 3, _FILE << 16
            info.compress_type = zipfile.ZIP_STORED if name in aligned else zipfile.ZIP_DEFLATED
            if name in aligned:
                info.extra = _padding(sink.tell() + _LOCAL_HEADER + len(name.encode()))
            archive.writestr(info, files[name], compresslevel=9)


def _padding(position: int) -> bytes:
    """Return zipalign's extra field that moves the content from ``position`` to the next page."""
    fill = -(position + 6) % PAGE
    size = (2 + fill).to_bytes(2, "little")
    return _ALIGNMENT_FIELD.to_bytes(2, "little") + size + PAGE.to_bytes(2, "little") + bytes(fill)


def write_tar_gz(
    files: Mapping[str, bytes], path: Path, *, epoch: int, programs: frozenset[str] = frozenset()
) -> None:
    """Write a compressed tar file with sorted names, one date and no user; ``programs`` are executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(files[name]), epoch
            info.mode = (_PROGRAM if name in programs else _FILE) & 0o777
            archive.addfile(info, io.BytesIO(files[name]))
    with path.open("wb") as sink, gzip.GzipFile("", "wb", 9, sink, mtime=epoch) as packed:
        packed.write(buffer.getvalue())


def read_archive(path: Path) -> dict[str, bytes]:
    """Read an untrusted ``.whl``, ``.aar``, ``.zip`` or ``.tar.gz`` file.

    Raises:
        InputError: The file cannot be read, is of another type, or its members are too many or too large.
        DamagedPackage: A member is damaged or has a name that leaves the archive.
    """
    try:
        return _read_tar(path) if path.name.endswith((".tar.gz", ".tgz")) else _read_zip(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    # zipfile raises NotImplementedError if a member's flags need an unsupported feature.
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise DamagedPackage(f"{path.name} is damaged: {error}") from error


def _read_zip(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if not item.filename.endswith("/")]
        _check_size(path, len(members), sum(item.file_size for item in members))
        for item in members:
            name = _new_name(item.filename, found)
            if item.flag_bits & _ENCRYPTED or item.compress_type not in _COMPRESSIONS:
                raise DamagedPackage(f"{name} is encrypted or compressed as no package is")
            try:
                found[name] = archive.read(item)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise DamagedPackage(f"{name} is damaged: {error}") from error
    return found


def _read_tar(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    size = 0
    with tarfile.open(path, "r:gz") as archive:
        for item in archive:
            if item.size < 0:
                raise DamagedPackage(f"{item.name!r} has less than no bytes")
            size += item.size
            _check_size(path, len(found) + 1, size)
            if item.isdir():
                continue
            if not item.isreg():
                raise DamagedPackage(f"{item.name!r} is no plain file")
            stream = archive.extractfile(item)
            found[_new_name(item.name, found)] = b"" if stream is None else stream.read()
    return found


def _new_name(name: str, found: Mapping[str, bytes]) -> str:
    if name in found:
        raise DamagedPackage(f"{name!r} is there twice")
    return plain_path(name)


def _check_size(path: Path, members: int, size: int) -> None:
    if members > MAX_MEMBERS or size > MAX_BYTES:
        raise InputError(f"{path} has {members} members of {size} bytes, more than a package may have")
