"""Archives that no package is: bombs, lies, and names and members that lead elsewhere.

Every maker writes one file into a folder. ``scale`` is the size of a bomb once unpacked, in bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

Maker = Callable[[Path, int], object]

_MEGABYTE = bytes(1 << 20)


def _gzip(path: Path, head: bytes, zeros: int, tail: bytes = b"") -> None:
    with gzip.open(path, "wb", 9) as file:
        file.write(head)
        for start in range(0, zeros, len(_MEGABYTE)):
            file.write(_MEGABYTE[: zeros - start])
        file.write(tail)


def _header(name: str, size: int, kind: bytes, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info.tobuf(tarfile.GNU_FORMAT)


def _big_member(path: Path, scale: int, *, name: str, kind: bytes) -> None:
    _gzip(path, _header(name, scale, kind), scale, bytes(1024))


def _stated_only(path: Path, scale: int, *, kind: bytes) -> None:
    _gzip(path, _header("p/x", scale << 10, kind), 0)


def _tar(path: Path, _: int, *, members: Iterable[tuple[str, bytes, bytes, str]]) -> None:
    """Write members of name, type, content and link."""
    data = b"".join(
        _header(name, len(content), kind, link) + content + bytes(-len(content) % 512)
        for name, kind, content, link in members
    )
    _gzip(path, data, 1024)


def _file(name: str, content: bytes = b"a") -> tuple[str, bytes, bytes, str]:
    return name, tarfile.REGTYPE, content, ""


def _pax(path: Path, _: int, *, records: Mapping[str, str]) -> None:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("p/x")
        info.pax_headers = dict(records)
        info.size = 10
        archive.addfile(info, io.BytesIO(b"0123456789"))


def _sparse(path: Path, scale: int) -> None:
    header = bytearray(_header("p/x", 512, tarfile.GNUTYPE_SPARSE))
    header[386:410] = b"00000000000\0" + b"00000001000\0"
    header[483:495] = f"{scale:011o}\0".encode()[:12]
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    _gzip(path, bytes(header) + bytes(512), 1024)


def _damaged_checksum(path: Path, _: int) -> None:
    header = bytearray(_header("p/x", 0, tarfile.REGTYPE))
    header[0] ^= 1
    _gzip(path, bytes(header), 1024)


def _plain_tar() -> bytes:
    return gzip.compress(_header("p/x", 0, tarfile.REGTYPE) + bytes(1024))


def _bytes(path: Path, _: int, *, content: bytes) -> None:
    path.write_bytes(content)


def _forged_length(path: Path, scale: int) -> None:
    """Write a gzip file whose last four bytes state fewer bytes than there are."""
    _gzip(path, _header("p/x", scale, tarfile.REGTYPE), scale, bytes(1024))
    data = path.read_bytes()
    path.write_bytes(data[:-4] + struct.pack("<I", 2048))


def _zip(path: Path, _: int, *, members: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _zip_bomb(path: Path, scale: int, *, members: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(members):
            with archive.open(f"p/{number}", "w", force_zip64=scale // members > zipfile.ZIP64_LIMIT) as sink:
                for start in range(0, scale // members, len(_MEGABYTE)):
                    sink.write(_MEGABYTE[: scale // members - start])


def _raw_zip(
    path: Path,
    packed: bytes,
    *,
    size: int,
    crc: int = 0,
    method: int = 8,
    flags: int = 0,
    attributes: int = 0,
    local_size: int | None = None,
    entries: int = 1,
    tail: bytes = b"",
    offset: int = 0,
) -> None:
    """Write a zip file of one member whose headers say what they are told to."""
    name = b"p/manifest.json"
    sizes = (len(packed), size if local_size is None else local_size)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, method, 0, 33, crc, *sizes, len(name), 0) + name
    fields = (20, 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0, 0, 0, 0, attributes, offset)
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields) + name
    directory = entry * entries
    start = len(local) + len(packed)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, len(directory), start, 0)
    path.write_bytes(local + packed + directory + end + tail)


def _deflated(zeros: int) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    blocks = [engine.compress(_MEGABYTE[: zeros - at]) for at in range(0, zeros, len(_MEGABYTE))]
    return b"".join(blocks) + engine.flush()


def _lying_zip(path: Path, scale: int, *, stated: int) -> None:
    _raw_zip(path, _deflated(scale), size=stated)


def _overlapping(path: Path, scale: int) -> None:
    """Write many directory entries that share one compressed stream (D. Fifield, 2019)."""
    _raw_zip(path, _deflated(min(scale, 1 << 20)), size=min(scale, 1 << 20), entries=900)


def _hidden_tail(path: Path, scale: int) -> None:
    """State the size and the checksum of the first ten bytes only."""
    _raw_zip(path, _deflated(min(scale, 1 << 20)), size=10, crc=zlib.crc32(bytes(10)))


def _zip64(path: Path, _: int) -> None:
    name = b"p/x"
    extra = struct.pack("<HHQQ", 1, 16, 1 << 40, 3)
    most = 0xFFFFFFFF
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 33, 0, most, most, len(name), 20) + name + extra
    fields = (45, 45, 0, 0, 0, 33, 0, most, most, len(name), 20, 0, 0, 0, 0, 0)
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields) + name + extra
    start = len(local) + 3
    path.write_bytes(
        local + b"abc" + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)
    )


def _link_in_zip(path: Path, _: int) -> None:
    _raw_zip(path, b"/etc/passwd", size=11, method=0, attributes=0o120777 << 16)


def _bundle_of_bomb(path: Path, scale: int) -> None:
    inner = path.with_name("inner")
    _zip_bomb(inner, scale, members=1)
    wheel = inner.read_bytes()
    inner.unlink()
    sums = f"{hashlib.sha256(wheel).hexdigest()}  x.whl\n".encode()
    _tar(path, 0, members=[_file("b/x.whl", wheel), _file("b/SHA256SUMS", sums)])


def _manifest(path: Path, _: int, *, content: bytes) -> None:
    _zip(path, 0, members=[("p/manifest.json", content)])


def _many(path: Path, _: int, *, kind: bytes, count: int) -> None:
    _tar(path, 0, members=[(f"p/{number}", kind, b"", "") for number in range(count)])


_LONG = "a" * 120
_OPEN = b'{"schema_version": 1, "files": {}, "outer": '

TARS: dict[str, Maker] = {
    "long name": partial(_big_member, name="././@LongLink", kind=tarfile.GNUTYPE_LONGNAME),
    "long link": partial(_big_member, name="././@LongLink", kind=tarfile.GNUTYPE_LONGLINK),
    "pax header": partial(_big_member, name="PaxHeader", kind=tarfile.XHDTYPE),
    "global pax header": partial(_big_member, name="PaxHeader", kind=tarfile.XGLTYPE),
    "zeros": partial(_big_member, name="p/x", kind=tarfile.REGTYPE),
    "zeros behind its end": lambda path, scale: _gzip(path, _header("p/x", 0, tarfile.REGTYPE), scale),
    "states a size": partial(_stated_only, kind=tarfile.REGTYPE),
    "a folder with a size": partial(_stated_only, kind=tarfile.DIRTYPE),
    "states fewer bytes": _forged_length,
    "many long names": lambda path, _: _gzip(
        path,
        (_header("././@LongLink", 10, b"L") + b"abcdefghi\0".ljust(512, b"\0")) * 5000,
        1024,
    ),
    "sparse": _sparse,
    "pax sparse map": partial(_pax, records={"GNU.sparse.map": "a,b", "GNU.sparse.size": "10"}),
    "pax sparse size": partial(_pax, records={"GNU.sparse.map": "0,10", "GNU.sparse.size": str(2 << 30)}),
    "pax size": partial(_pax, records={"size": "9" * 23}),
    "pax path": partial(_pax, records={"path": "../x"}),
    "symbolic link": partial(_tar, members=[("p/x", tarfile.SYMTYPE, b"", "/etc/passwd")]),
    "hard link": partial(_tar, members=[("p/x", tarfile.LNKTYPE, b"", "/etc/passwd")]),
    "device": partial(_tar, members=[("p/x", tarfile.CHRTYPE, b"", "")]),
    "pipe": partial(_tar, members=[("p/x", tarfile.FIFOTYPE, b"", "")]),
    "unknown type": partial(_tar, members=[("p/x", b"Z", b"", "")]),
    "traversal": partial(_tar, members=[_file("../../x")]),
    "absolute": partial(_tar, members=[_file("/etc/x")]),
    "dot": partial(_tar, members=[_file("p/x"), _file("./p/x")]),
    "twice": partial(_tar, members=[_file("p/x"), _file("p/x", b"b")]),
    "other case": partial(_tar, members=[_file("p/x"), _file("P/X", b"b")]),
    "composed and decomposed": partial(_tar, members=[_file("p/\u00e9"), _file("p/e\u0301", b"b")]),
    "file and folder": partial(_tar, members=[_file("p"), _file("p/x")]),
    "folder and file": partial(_tar, members=[_file("p/x"), _file("p")]),
    "many files": partial(_many, kind=tarfile.REGTYPE, count=3_000),
    "many folders": partial(_many, kind=tarfile.DIRTYPE, count=5_000),
    "bad checksum": _damaged_checksum,
    "no end": lambda path, _: _gzip(path, _header("p/x", 0, tarfile.REGTYPE), 0),
    "two gzip streams": lambda path, _: path.write_bytes(_plain_tar() * 2),
    "bytes behind gzip": lambda path, _: path.write_bytes(_plain_tar() + b"more"),
    "truncated": lambda path, _: path.write_bytes(_plain_tar()[:40]),
    "empty": partial(_bytes, content=b""),
    "noise": lambda path, _: path.write_bytes(os.urandom(5000)),
    "bundle of a bomb": _bundle_of_bomb,
}
"""Makers of ``.tar.gz`` files by the name of what is wrong with them."""

ZIPS: dict[str, Maker] = {
    "bomb": partial(_zip_bomb, members=1),
    "bomb of many": partial(_zip_bomb, members=900),
    "states 10 bytes": partial(_lying_zip, stated=10),
    "states half": lambda path, scale: _lying_zip(path, scale, stated=scale // 2),
    "states 3 GB": partial(_lying_zip, stated=3 << 30),
    "overlap": _overlapping,
    "hidden tail": _hidden_tail,
    "zip64": _zip64,
    "sizes that differ": lambda path, _: _raw_zip(path, b"{}", size=2, method=0, local_size=3),
    "stored with two sizes": lambda path, _: _raw_zip(path, b"{}", size=2000, method=0),
    "encrypted": lambda path, _: _raw_zip(path, b"{}", size=2, method=0, flags=1),
    "sizes follow": lambda path, _: _raw_zip(path, b"{}", size=2, method=0, flags=8),
    "bzip2": lambda path, _: _raw_zip(path, b"{}", size=2, method=12),
    "unknown compression": lambda path, _: _raw_zip(path, b"{}", size=2, method=99),
    "wrong checksum": lambda path, _: _raw_zip(path, b"{}", size=2, method=0, crc=5),
    "link": _link_in_zip,
    "entry that points elsewhere": lambda path, _: _raw_zip(path, b"{}", size=2, method=0, offset=7),
    "bytes behind its end": lambda path, _: _raw_zip(path, b"{}", size=2, method=0, tail=b"PK"),
    "traversal": partial(_zip, members=[("../x", b"a")]),
    "absolute": partial(_zip, members=[("/x", b"a")]),
    "backslash": partial(_zip, members=[("a\\..\\x", b"a")]),
    "drive": partial(_zip, members=[("c:/x", b"a")]),
    "control character": partial(_zip, members=[("a\nb", b"a")]),
    "long": partial(_zip, members=[("/".join([_LONG] * 20), b"a")]),
    "other case": partial(_zip, members=[("a/x", b"1"), ("A/X", b"2")]),
    "composed and decomposed": partial(_zip, members=[("\u00e9", b"1"), ("e\u0301", b"2")]),
    "file and folder": partial(_zip, members=[("a", b"1"), ("a/b", b"2")]),
    "many": partial(_zip, members=[(f"p/{number}", b"") for number in range(3_000)]),
    "empty": partial(_bytes, content=b""),
    "only an end": partial(_bytes, content=b"PK\5\6" + bytes(18)),
    "deep manifest": partial(_manifest, content=b"[" * 100_000),
    "deep objects": partial(_manifest, content=_OPEN + b'{"a":' * 50_000 + b"1" + b"}" * 50_001),
    "large number": partial(_manifest, content=b'{"schema_version": ' + b"9" * 5000 + b"}"),
    "not a number": partial(_manifest, content=b'{"schema_version": NaN}'),
    "true": partial(_manifest, content=b'{"schema_version": true, "files": {}, "outer": {}}'),
    "UTF-16": partial(_manifest, content=json.dumps({"schema_version": 1}).encode("utf-16")),
    "no text": partial(_manifest, content=b"\xff\xfe\0{"),
}
"""Makers of ``.whl`` files by the name of what is wrong with them."""


def makers() -> dict[str, Maker]:
    """Return all makers by the name of the file that they write."""
    tars = {f"{name.replace(' ', '-')}.tar.gz": maker for name, maker in TARS.items()}
    return tars | {f"{name.replace(' ', '-')}.whl": maker for name, maker in ZIPS.items()}
