"""Reproducible archives: the same content gives the same bytes, without information on this machine."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE = 16_384
"""Alignment of files that Android maps into memory: pages of 16 KiB (devices of 2025 and later)."""

_FILE, _PROGRAM = 0o100644, 0o100755
_ALIGNMENT_FIELD = 0xD935
_LOCAL_HEADER = 30


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
