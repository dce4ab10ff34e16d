"""Limits on archives that are not trusted: what is read of them, how much becomes of it, and which names.

Every byte of an archive passes through :func:`inflate` or is counted by its reader, so that no header can
promise less than there is.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.ondevice.bundle import plain_path
from edgecnn.ondevice.failure import DamagedPackage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

MAX_MEMBERS = 1000
"""Largest number of members of an archive, folders included; a package has about 60."""

MAX_BYTES = 1 << 30
"""Largest total size of an archive's unpacked members, and largest size of the archive itself."""

MAX_RATIO = 200
"""Largest ratio of unpacked to packed bytes of an archive and of a member; what is small is exempt."""

SMALL_BYTES = 1 << 20
"""Unpacked size up to which the ratio does not matter."""

BLOCK = 1 << 16
"""Bytes that are in memory at once."""

_MAX_NAME = 255
_NAME = re.compile(r"[A-Za-z0-9_.+@-]+(/[A-Za-z0-9_.+@-]+)*")


class Names:
    """The names of an archive's members, each checked when it is added.

    Only letters, digits and a few signs of ASCII are allowed, so that no two names can be the same to a file
    system that normalizes Unicode; names that differ only by case are refused.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._count = 0

    def add(self, name: str, *, folder: bool = False) -> str:
        """Return the name of a further member.

        Raises:
            InputError: There are too many members.
            DamagedPackage: The name leaves the archive, is of another kind, or is there already.
        """
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise InputError(f"it has more than {MAX_MEMBERS} members, more than a package may have")
        plain_path(name)
        if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
            raise DamagedPackage(f"{name[:_MAX_NAME]!r} is not a name that files of packages have")
        own = name.casefold()
        parents = {own[: place.start()] for place in re.finditer("/", own)}
        if own in self._files or (own in self._folders and not folder) or parents & self._files:
            raise DamagedPackage(f"{name!r} is there twice, with this or with other letters")
        self._folders |= parents
        (self._folders if folder else self._files).add(own)
        return name


def check_total(unpacked: int, packed: int, *, most: int) -> None:
    """Check the sizes that an archive or a member states or that were counted.

    Raises:
        InputError: There are more bytes than a package may have.
        DamagedPackage: They are packed more tightly than any package is.
    """
    if unpacked > most:
        raise InputError(f"it has {unpacked} bytes or more, more than a package may have ({most})")
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * packed:
        raise DamagedPackage(f"{packed} bytes unpack to {unpacked} or more, which no package does")


def read_blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield exactly the next ``size`` bytes of a file, a block at a time.

    Raises:
        DamagedPackage: The file ends before.
    """
    while size > 0:
        block = file.read(min(size, BLOCK))
        if not block:
            raise DamagedPackage("it ends too early")
        size -= len(block)
        yield block


def inflate(packed: Iterable[bytes], window_bits: int, *, most: int) -> Iterator[bytes]:
    """Yield the content of one compressed stream, a block at a time.

    Args:
        packed: The compressed bytes, all of which must belong to the stream.
        window_bits: Kind of the stream, as for :func:`zlib.decompressobj`.
        most: Size of the content as the archive states it.

    Raises:
        DamagedPackage: The content is larger than ``most`` or packed too tightly, or the stream is damaged,
            ends early, or is followed by something.
    """
    engine = zlib.decompressobj(window_bits)
    read = made = 0
    for block in packed:
        if engine.eof:
            raise DamagedPackage("more bytes follow its end")
        read += len(block)
        pending, full = block, True
        while (pending or full) and not engine.eof:
            data = engine.decompress(pending, BLOCK)
            pending, full = engine.unconsumed_tail, len(data) == BLOCK
            made += len(data)
            if made > most:
                raise DamagedPackage(f"it holds more than the {most} bytes that it states")
            check_total(made, read - len(pending), most=most)
            if data:
                yield data
        if engine.unused_data:
            raise DamagedPackage("more bytes follow its end")
    if not engine.eof:
        raise DamagedPackage("it ends too early")
