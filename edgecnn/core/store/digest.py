"""Digests of files, directories and plain data."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def digest_json(data: Any) -> str:
    """Return the SHA-256 of plain data, independent of the order of its keys.

    >>> digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A file's name may hold bytes that are not UTF-8, which Python keeps as lone surrogates.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def digest_fields(fields: Mapping[str, Any], own: str) -> str:
    """Return the SHA-256 of all fields of a document but ``own``, which holds it."""
    others = {name: value for name, value in fields.items() if name != own}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_files(directory: Path) -> list[str]:
    """Return every file below a directory, as sorted relative POSIX paths."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def digest_files(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a directory, by its relative POSIX path."""
    return {name: digest_file(directory / name) for name in list_files(directory)}


def digest_tree(directory: Path) -> str:
    """Return one digest over the names and bytes of every file below a directory."""
    return digest_json(digest_files(directory))
