from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache

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


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be written some seconds ago."""
    clock = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: clock() + 5_000_000_000)


@pytest.mark.usefixtures("later")
def test_remembers_a_file_until_its_times_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "content")
    with DigestCache(tmp_path / "cache.sqlite") as digests:
        before = digests.sha256(file)
    with monkeypatch.context() as patch, DigestCache(tmp_path / "cache.sqlite") as digests:
        patch.setattr("edgecnn.core.store.digest_cache.digest_file", lambda _: "read again")
        assert digests.sha256(file) == before, "the cache was not used"
    with file.open("r+") as handle:  # same inode, same size, and the time stamp set back
        handle.write("CONTENT")
    os.utime(file, (LONG_AGO, LONG_AGO))
    with DigestCache(tmp_path / "cache.sqlite") as digests:
        assert digests.sha256(file) == hashlib.sha256(b"CONTENT").hexdigest(), "the change was not seen"


@pytest.mark.usefixtures("later")
def test_any_flipped_bit_of_the_cache_changes_no_answer(tmp_path: Path) -> None:
    cache, file = tmp_path / "cache.sqlite", written(tmp_path, "content")
    with DigestCache(cache) as digests:
        digests.sha256(file)
    whole = cache.read_bytes()
    places = [place for place in range(len(whole)) if whole[place]]
    for place in places[:: max(1, len(places) // 60)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        cache.write_bytes(damaged)
        with DigestCache(cache) as digests:
            assert digests.sha256(file) == hashlib.sha256(b"content").hexdigest(), place
    for _ in range(2):
        with DigestCache(cache) as digests:
            digests.sha256(file)
    with sqlite3.connect(cache) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (1,), "it was not rebuilt"


@pytest.mark.parametrize("kind", ["folder", "older", "newer"])
@pytest.mark.usefixtures("later")
def test_what_is_no_cache_of_this_version_is_replaced(tmp_path: Path, kind: str) -> None:
    cache, file = tmp_path / "cache.sqlite", written(tmp_path, "content")
    if kind == "folder":
        (cache / "deep").mkdir(parents=True)
    else:
        with sqlite3.connect(cache) as connection:
            connection.execute("CREATE TABLE files (path TEXT PRIMARY KEY, sha256 TEXT)")
            connection.execute("INSERT INTO files VALUES (?, 'wrong')", (str(file),))
            connection.execute(f"PRAGMA user_version = {0 if kind == 'older' else 99}")
    with DigestCache(cache) as digests:
        assert digests.sha256(file) == hashlib.sha256(b"content").hexdigest()
    with sqlite3.connect(cache) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (1,)


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
