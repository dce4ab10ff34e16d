"""Hashes of files, remembered by path, size, inode and times.

A digest must depend on the content, so that a changed photo redoes the steps that use it, and must be cheap,
so that an unchanged pipeline of 100,000 photos starts at once. A small SQLite file holds the hash of every
file with its size, inode, modification time and change time, which no program can set. Like git's index, it
does not hold a file that was changed within the last moments, because a second change could have the same
time stamp.

What is remembered says nothing about a disk that loses bits: it decides whether work is done again, never
what is published.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from typing import TYPE_CHECKING, Self

from edgecnn.core.errors import InputError
from edgecnn.core.replace import clear
from edgecnn.core.store.digest import digest_file, digest_json

if TYPE_CHECKING:
    import os
    from pathlib import Path

_SCHEMA = 2
_RACY_NS = 2_000_000_000
_TABLE = """
    CREATE TABLE IF NOT EXISTS files
    (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
     sha256 TEXT, row TEXT) WITHOUT ROWID
"""
_RECALL = """
    SELECT sha256, row FROM files
    WHERE path = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND inode = ?
"""

_ERRORS = (sqlite3.Error, ValueError)  # a damaged text is not UTF-8
_OF_THE_MACHINE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}

FileState = tuple[str, int, int, int, int]
"""Path, size, modification time, change time and inode of a file."""


class DigestCache:
    """Cache of the hashes of files; a context manager that saves on exit.

    Several processes may use one file. A damaged file, or one of another version, is replaced, because it is
    only a cache.

    Args:
        file: The SQLite file; None disables the cache.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._connection = None if file is None else _connect(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with contextlib.suppress(*_ERRORS):  # a full disk or a read-only home
                self._connection.commit()
            self._connection.close()

    def sha256(self, file: Path) -> str:
        """Return the SHA-256 of a file's content as 64 hexadecimal digits.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            status = file.stat()
            state = file_state(file, status)
            known = self._recall(state)
            if known is not None:
                return known
            digest = digest_file(file)
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}") from error
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _RACY_NS:
            self._remember(state, digest)
        return digest

    def _recall(self, state: FileState) -> str | None:
        if self._connection is None:
            return None
        try:
            found = self._connection.execute(_RECALL, state).fetchone()
        except _ERRORS as error:
            self._give_up_if_damaged(error)
            return None
        whole = found is not None and found[1] == _row(state, found[0])
        return str(found[0]) if whole else None

    def _remember(self, state: FileState, digest: str) -> None:
        if self._connection is None:
            return
        values = (*state, digest, _row(state, digest))
        try:
            self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        except _ERRORS as error:
            self._give_up_if_damaged(error)

    def _give_up_if_damaged(self, error: Exception) -> None:
        """Remove a database that is damaged inside; the next cache makes a new one."""
        if _damaged(error) and self._connection is not None and self._file is not None:
            self._connection.close()
            self._connection = None
            with contextlib.suppress(OSError):
                _remove(self._file)


def file_state(file: Path, status: os.stat_result) -> FileState:
    """Return what tells whether a file is the one that was hashed."""
    return (
        str(file.absolute()),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
    )


def _row(state: FileState, digest: object) -> str:
    """Return a row's own digest, which shows a damaged row."""
    return hashlib.sha256(digest_json([*state, str(digest)]).encode()).hexdigest()[:16]


def _connect(file: Path) -> sqlite3.Connection | None:
    """Open the database, replacing a damaged file; return None if the cache cannot be written."""
    for _ in range(2):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.is_dir():
                clear(file)
            connection = sqlite3.connect(file)
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found != _SCHEMA:
                connection.execute("DROP TABLE IF EXISTS files")
                connection.execute(f"PRAGMA user_version = {_SCHEMA}")
            connection.execute(_TABLE)
        except OSError:
            return None
        except _ERRORS as error:
            if not _damaged(error):
                return None
            with contextlib.suppress(OSError):
                _remove(file)
        else:
            return connection
    return None


def _damaged(error: Exception) -> bool:
    """Return whether an error is one of the file's content, not of the disk or of another process."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _OF_THE_MACHINE


def _remove(file: Path) -> None:
    """Remove a database together with the journal, which would damage the next one."""
    for name in (f"{file.name}-journal", f"{file.name}-wal", f"{file.name}-shm", file.name):
        clear(file.with_name(name))
