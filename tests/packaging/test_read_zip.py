"""Tests of the reader of zip files that are not trusted: whole ones are read, changed ones are refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from edgecnn.core.errors import InputError
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging.read_zip import read_zip

FILES = {"a.txt": b"first " * 50, "b/two.bin": bytes(range(256))}
DIRECTORY, END, LOCAL = b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"


def packed(
    files: dict[str, bytes] | None = None, *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    """Return a zip file of the usual form."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in (FILES if files is None else files).items():
            archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()


def read(data: bytes, *, most: int = 1 << 20) -> dict[str, bytes]:
    """Return the members that the reader finds."""
    found = read_zip(io.BytesIO(data), len(data), most=most)
    return {name: b"".join(content) for name, content in found}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_read_as_they_were_written(method: int) -> None:
    assert read(packed(method=method)) == FILES


def test_folders_are_no_members_and_no_content_is_read_for_them() -> None:
    assert read(packed({"b/": b"", **FILES})) == FILES


def test_an_archive_of_nothing_has_no_members() -> None:
    assert read(packed({})) == {}


def between(data: bytes) -> bytes:
    """Put a byte between the members and the directory, which the end then says truly."""
    end = data.rindex(END)
    start = data.index(DIRECTORY)
    moved = bytearray(data[end:])
    struct.pack_into("<L", moved, 16, start + 1)
    return data[:start] + b"!" + data[start:end] + bytes(moved)


def changed(mark: bytes, offset: int, value: int) -> Callable[[bytes], bytes]:
    """Return a function that changes a byte of the first record with a mark."""

    def change(data: bytes) -> bytes:
        copy = bytearray(data)
        copy[copy.index(mark) + offset] = value
        return bytes(copy)

    return change


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "too short": (lambda data: data[-10:], "too short for a zip file"),
    "a byte behind it": (lambda data: data + b"!", "does not end as a zip file"),
    "a byte before it": (lambda data: b"!" + data, "is not where it says"),
    "a byte between": (between, "something lies between"),
    "two disks": (changed(END, 4, 1), "is not where it says"),
    "a damaged directory": (changed(DIRECTORY, 0, 0), "directory is damaged"),
    "an encrypted member": (changed(DIRECTORY, 8, 1), "is encrypted or compressed as no package is"),
    "another compression": (changed(DIRECTORY, 10, 12), "is encrypted or compressed as no package is"),
    "two checksums": (changed(LOCAL, 14, 0), "says something else than the directory"),
    "two names": (changed(LOCAL, 30, ord("z")), "says something else than the directory"),
    "a link": (changed(DIRECTORY, 41, 0xA1), "is no plain file"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    change, message = CHANGES[name]
    with pytest.raises(DamagedPackage, match=message):
        read(change(packed()))


def test_a_comment_is_refused() -> None:
    with pytest.raises(DamagedPackage, match="without a comment"):
        read(packed(comment=b"hello"))


def test_damaged_content_is_named_when_it_is_read() -> None:
    data = bytearray(packed(method=zipfile.ZIP_STORED))
    data[data.index(b"first")] = ord("F")
    with pytest.raises(DamagedPackage, match=r"a\.txt is damaged"):
        read(bytes(data))


def test_more_bytes_than_allowed_are_refused_before_anything_is_read() -> None:
    data = packed()
    with pytest.raises(InputError):
        next(iter(read_zip(io.BytesIO(data), len(data), most=100)))
