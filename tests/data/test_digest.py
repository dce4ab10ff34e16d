from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.digest import DigestCache, combine

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = 1_600_000_000


def written(folder: Path, text: str) -> Path:
    file = folder / "photo.jpg"
    file.write_text(text)
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def test_is_the_sha256(tmp_path: Path) -> None:
    file = written(tmp_path, "content")
    for cache in (None, tmp_path / "cache.sqlite", tmp_path / "cache.sqlite"):
        with DigestCache(cache) as digests:
            assert digests.sha256(file) == hashlib.sha256(b"content").hexdigest()


def test_remembers_an_old_file_by_size_and_time(tmp_path: Path) -> None:
    file = written(tmp_path, "content")
    with DigestCache(tmp_path / "cache.sqlite") as digests:
        before = digests.sha256(file)
    with file.open("r+") as handle:  # same inode, same size, and the time stamp set back
        handle.write("CONTENT")
    os.utime(file, (LONG_AGO, LONG_AGO))
    with DigestCache(tmp_path / "cache.sqlite") as digests:
        assert digests.sha256(file) == before, "the cache was not used"
    os.utime(file, (LONG_AGO, LONG_AGO + 1))
    with DigestCache(tmp_path / "cache.sqlite") as digests:
        assert digests.sha256(file) == hashlib.sha256(b"CONTENT").hexdigest(), "a new time stamp was ignored"


def test_does_not_remember_a_file_that_may_still_change(tmp_path: Path) -> None:
    file = tmp_path / "fresh.jpg"
    file.write_text("one")
    status = file.stat()
    with DigestCache(tmp_path / "cache.sqlite") as digests:
        digests.sha256(file)
        file.write_text("two")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert digests.sha256(file) == hashlib.sha256(b"two").hexdigest()


def test_a_broken_cache_is_replaced(tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    cache.write_bytes(b"this is no database" * 100)
    file = written(tmp_path, "content")
    for _ in range(2):
        with DigestCache(cache) as digests:
            assert digests.sha256(file) == hashlib.sha256(b"content").hexdigest()
    assert cache.read_bytes().startswith(b"SQLite format 3")


def test_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with DigestCache(tmp_path / "file" / "cache.sqlite") as digests:
        assert digests.sha256(written(tmp_path, "x")) == hashlib.sha256(b"x").hexdigest()


def test_names_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.jpg cannot be read: No such file"):
        DigestCache().sha256(tmp_path / "absent.jpg")


def test_combine_tells_everything_apart() -> None:
    values = [
        combine([], []),
        combine([], [("a",)]),
        combine([], [("a",), ("b",)]),
        combine([], [("a", "b")]),
        combine(["a"], [("b",)]),
        combine([], [("a", 1)]),
        combine([], [("a", "1")]),
    ]
    assert len(set(values)) == len(values)
