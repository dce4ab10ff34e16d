"""``SHA256SUMS``: the digests of a directory's files, in the form that ``sha256sum --check`` reads."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import draft_file, is_file, read_bounded_text
from edgecnn.core.store.digest import digest_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "SHA256SUMS"
_MAX_BYTES = 1 << 20


def write_sums(directory: Path, digests: Mapping[str, str]) -> None:
    """Write the digests of a directory's files, by relative path, beside them."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    with draft_file(directory / NAME) as draft:
        draft.write_text(lines, encoding="utf-8")


def check_sums(directory: Path) -> None:
    """Compare the files of a directory with its digests; without ``SHA256SUMS`` nothing is compared.

    Raises:
        InputError: A file is missing or was changed, or the list itself is damaged.
    """
    file = directory / NAME
    if not file.is_file():
        return
    for line in read_bounded_text(file, _MAX_BYTES).removesuffix("\n").split("\n"):
        digest, _, name = line.partition("  ")
        listed = directory / name
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts:
            raise InputError(f"{file} is damaged: {line[:80]!r}", hint=_HINT)
        if not is_file(listed):
            raise InputError(f"{directory}: {name} is missing", hint=_HINT)
        try:
            found = digest_file(listed)
        except OSError as error:
            raise InputError(f"{listed} cannot be read: {error.strerror}", hint=_HINT) from error
        if found != digest:
            raise InputError(f"{listed} was changed since it was written, says {NAME}", hint=_HINT)


_HINT = f"run again, which writes it again; if you changed a file on purpose, delete {NAME}"
