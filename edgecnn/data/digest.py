"""Hashes of files, cached by path, size and modification time.

A digest must depend on the content, so that a changed photo redoes the steps that use it, and must be cheap,
so that an unchanged pipeline of 100,000 photos starts at once. A small SQLite file holds the hash of every
file with its size, inode and modification time. Like git's index, it does not hold a file that was modified
within the last moments, because a second change could have the same time stamp.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Self

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_RACY_NS = 2_000_000_000
_TABLE = """
    CREATE TABLE IF NOT EXISTS files
    (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, sha256 TEXT) WITHOUT ROWID
"""


class DigestCache:
    """Cache of the hashes of files; a context manager that saves on exit.

    Several processes may use one file. A damaged file is replaced, because it is only a cache.

    Args:
        file: The SQLite file; None disables the cache.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._connection = None if file is None else _connect(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.OperationalError):  # a full disk or a read-only home
                self._connection.commit()
            self._connection.close()

    def sha256(self, file: Path) -> str:
        """Return the SHA-256 of a file's content as 64 hexadecimal digits.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            status = file.stat()
            key = (str(file.absolute()), status.st_size, status.st_mtime_ns, status.st_ino)
            known = self._recall(key)
            if known is not None:
                return known
            with file.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}") from error
        if time.time_ns() - status.st_mtime_ns > _RACY_NS:
            self._remember((*key, digest))
        return digest

    def _recall(self, key: tuple[str, int, int, int]) -> str | None:
        if self._connection is None:
            return None
        query = "SELECT sha256 FROM files WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?"
        row = self._connection.execute(query, key).fetchone()
        return None if row is None else str(row[0])

    def _remember(self, row: tuple[str, int, int, int, str]) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.OperationalError):
                self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", row)


def combine(header: object, parts: Iterable[tuple[object, ...]]) -> str:
    """Hash JSON values and rows of JSON values into one SHA-256, unambiguously.

    >>> combine(["a"], [("b", 1)]) == combine(["a"], [("b1",)])
    False
    """
    digest = hashlib.sha256()
    for value in (header, *parts):
        digest.update(json.dumps(value, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def _connect(file: Path) -> sqlite3.Connection | None:
    """Open the database, replacing a damaged file; return None if the cache cannot be written."""
    for _ in range(2):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(file)
            connection.execute(_TABLE)
        except (OSError, sqlite3.OperationalError):
            return None
        except sqlite3.DatabaseError:
            file.unlink(missing_ok=True)
        else:
            return connection
    return None
