"""Reading of compressed tar files that are not trusted: plain files in one gzip stream.

Only the 512 bytes of a member's header are interpreted. Long names, pax records, sparse files, links and
devices are types of members of their own, and all of them are refused.
"""

from __future__ import annotations

import itertools
import tarfile
import zlib
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging.untrusted import BLOCK, Names, check_total, inflate, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_HEADER = 512
_GZIP_FRAME = 18
_GZIP = zlib.MAX_WBITS | 16
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)


def read_tar(file: BinaryIO, size: int, *, most: int) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield name and content of every file of a ``.tar.gz`` of ``size`` bytes.

    The content of a member is to be read before the next member is asked for.

    Raises:
        InputError: There are too many members or bytes.
        DamagedPackage: The file is damaged, or holds something else than files and folders.
    """
    if size < _GZIP_FRAME:
        raise DamagedPackage("it is too short for a gzip file")
    file.seek(size - 4)
    stated = int.from_bytes(file.read(4), "little")
    check_total(stated, size, most=most)
    file.seek(0)
    stream = _Stream(inflate(read_blocks(file, size), _GZIP, most=stated))
    names = Names()
    while (header := stream.take(_HEADER)) != bytes(_HEADER):
        item = tarfile.TarInfo.frombuf(header, "utf-8", "backslashreplace")
        _check(item, stated)
        name = names.add(item.name, folder=item.isdir())
        if not item.isdir():
            yield name, stream.blocks(item.size)
        stream.take(-item.size % _HEADER)
    stream.check_padding()


def _check(item: tarfile.TarInfo, stated: int) -> None:
    if item.size < 0:
        raise DamagedPackage(f"{item.name!r} has less than no bytes")
    if item.size > stated:
        raise InputError(f"{item.name!r} has {item.size} bytes, more than a package may have")
    if not (item.isdir() and item.size == 0) and item.type not in _FILES:
        raise DamagedPackage(f"{item.name!r} is no plain file")


class _Stream:
    """Exact reading of a stream that comes in blocks."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._source = blocks
        self._left = b""

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes, which are few."""
        return b"".join(self.blocks(size))

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield the next ``size`` bytes.

        Raises:
            DamagedPackage: There are not so many.
        """
        while size > 0:
            if not self._left:
                self._left = next(self._source, b"")
                if not self._left:
                    raise DamagedPackage("it ends too early")
            part, self._left = self._left[:size], self._left[size:]
            size -= len(part)
            yield part

    def check_padding(self) -> None:
        """Check that nothing but a few zeros is left."""
        count = 0
        for block in itertools.chain([self._left], self._source):
            count += len(block)
            if count > BLOCK or block.strip(b"\0"):
                raise DamagedPackage("more bytes follow its end")
