"""Reading of zip files that are not trusted, in the one form in which packages are written.

The members lie one after the other from the first byte on, each header says the same as the directory at the
end, and nothing is between or behind them. So there is no second way to read the file, no member overlaps
another, and the directory's sizes are checked before anything is unpacked. PKWARE's APPNOTE.TXT describes
the records.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging.untrusted import MAX_MEMBERS, Names, check_total, inflate, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_DIRECTORY = 1 << 20
_DEFLATE_LEVELS, _UTF8 = 0x6, 0x800
_RAW_DEFLATE = -zlib.MAX_WBITS


@dataclass(frozen=True)
class _ZipEntry:
    """A member, as the directory at the end of the file describes it.

    Attributes:
        same: Flags, compression, checksum, sizes and name: what the member's own header must repeat.
        attributes: Kind and permissions of the file in the system of the writer.
        start: Position of the member's own header.
    """

    same: tuple[int, int, int, int, int, bytes]
    attributes: int
    start: int

    @property
    def name(self) -> str:
        """Return the name; bytes that are not UTF-8 become what no name may have."""
        return self.same[5].decode("utf-8", "backslashreplace")

    @property
    def is_folder(self) -> bool:
        """Return whether it is a folder without content."""
        return self.name.endswith("/")

    @property
    def size(self) -> int:
        """Return the unpacked size in bytes."""
        return self.same[4]


def read_zip(file: BinaryIO, size: int, *, most: int) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield name and content of every member of a zip file of ``size`` bytes, after all headers are checked.

    Raises:
        InputError: There are too many members or bytes.
        DamagedPackage: The file is damaged, or is not of the form that packages have.
    """
    entries, end = _directory(file, size)
    total = sum(entry.size for entry in entries)
    check_total(total, size, most=most)
    names, starts, position = Names(), [], 0
    for entry in entries:
        _check(entry, names)
        starts.append(_content(file, entry, position))
        position = starts[-1] + entry.same[3]
    if position != end:
        raise DamagedPackage("something lies between its members and its directory")
    for entry, start in zip(entries, starts, strict=True):
        if not entry.is_folder:
            yield entry.name, _unpacked(file, entry, start)


def _directory(file: BinaryIO, size: int) -> tuple[list[_ZipEntry], int]:
    """Return the members in the order of their positions, and the position of the directory."""
    if size < _END.size:
        raise DamagedPackage("it is too short for a zip file")
    file.seek(size - _END.size)
    mark, disk, first, here, count, length, start, comment = _END.unpack(file.read(_END.size))
    if mark != b"PK\x05\x06" or comment:
        raise DamagedPackage("it does not end as a zip file without a comment does")
    if count > MAX_MEMBERS or length > _MAX_DIRECTORY:
        raise InputError(f"it has {count} members, more than a package may have")
    if (disk, first, here) != (0, 0, count) or start + length + _END.size != size:
        raise DamagedPackage("its directory is not where it says")
    file.seek(start)
    data = file.read(length)
    entries, at = [], 0
    for _ in range(count):
        if at + _ENTRY.size > length:
            raise DamagedPackage("its directory is too short")
        entry, at = _entry(data, at)
        entries.append(entry)
    if at != length:
        raise DamagedPackage("its directory is too long")
    return sorted(entries, key=lambda entry: entry.start), start


def _entry(data: bytes, at: int) -> tuple[_ZipEntry, int]:
    """Return the member that is described at a position of the directory, and the position of the next."""
    fields = _ENTRY.unpack_from(data, at)
    if fields[0] != b"PK\x01\x02":
        raise DamagedPackage("its directory is damaged")
    flags, method, crc, packed, unpacked = fields[3], fields[4], *fields[7:10]
    name_length, extra, comment, attributes, start = *fields[10:13], *fields[15:17]
    name = data[at + _ENTRY.size : at + _ENTRY.size + name_length]
    found = _ZipEntry((flags, method, crc, packed, unpacked, name), attributes, start)
    return found, at + _ENTRY.size + name_length + extra + comment


def _check(entry: _ZipEntry, names: Names) -> None:
    flags, method, _, packed, unpacked, _ = entry.same
    name = names.add(entry.name.removesuffix("/"), folder=entry.is_folder)
    if flags & ~(_DEFLATE_LEVELS | _UTF8) or method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DamagedPackage(f"{name} is encrypted or compressed as no package is")
    if method == zipfile.ZIP_STORED and packed != unpacked:
        raise DamagedPackage(f"{name} is not compressed and has two sizes")
    kind = stat.S_IFMT(entry.attributes >> 16)
    if kind not in {0, stat.S_IFDIR if entry.is_folder else stat.S_IFREG} or (entry.is_folder and unpacked):
        raise DamagedPackage(f"{name!r} is no plain file")
    check_total(unpacked, packed, most=unpacked)


def _content(file: BinaryIO, entry: _ZipEntry, position: int) -> int:
    """Return where the content of a member begins, whose own header must lie at ``position``."""
    file.seek(position)
    header = file.read(_LOCAL.size)
    if entry.start != position or len(header) < _LOCAL.size:
        raise DamagedPackage(f"{entry.name!r} does not follow the member before it")
    mark, _, flags, method, _, _, crc, packed, unpacked, name_length, extra = _LOCAL.unpack(header)
    same = (flags, method, crc, packed, unpacked, file.read(name_length))
    if mark != b"PK\x03\x04" or same != entry.same:
        raise DamagedPackage(f"the header of {entry.name!r} says something else than the directory")
    return position + _LOCAL.size + int(name_length) + int(extra)


def _unpacked(file: BinaryIO, entry: _ZipEntry, start: int) -> Iterator[bytes]:
    _, method, crc, packed, unpacked, _ = entry.same
    file.seek(start)
    blocks = read_blocks(file, packed)
    found, count = 0, 0
    try:
        for block in blocks if method == zipfile.ZIP_STORED else inflate(blocks, _RAW_DEFLATE, most=unpacked):
            found, count = zlib.crc32(block, found), count + len(block)
            yield block
    except zlib.error as error:
        raise DamagedPackage(f"{entry.name} is damaged: {error}") from error
    if (found, count) != (crc, unpacked):
        raise DamagedPackage(f"{entry.name} is damaged: its checksum or its size is another")
