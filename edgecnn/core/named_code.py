"""The user's permission to run the code that a file names.

A checkpoint's ``spec.json`` or an artifact's manifest may say that a factory builds the network,
``python:package.module:factory``. Such a file may come from a stranger, so its word alone runs nothing: the
user must have named the same reference, on the command line, in the pipeline or in Python. The permission
holds inside a ``with`` block and in the child processes that are started there (:mod:`edgecnn.core.process`).
"""

from __future__ import annotations

import contextlib
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEME = "python:"
"""Start of a reference to a factory of networks."""

ENTRY = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<factory>[A-Za-z_]\w*)", re.ASCII)
"""The part of such a reference after the scheme."""

_NAMED: ContextVar[frozenset[str]] = ContextVar("named", default=frozenset())
_LONGEST = 200


@contextlib.contextmanager
def named_by_user(*references: str | None) -> Iterator[None]:
    """Permit files to name code that the user has named.

    Args:
        references: What the user named. None and references to anything but a factory are ignored.
    """
    added = {one for one in references if one is not None and one.startswith(SCHEME)}
    token = _NAMED.set(_NAMED.get() | added)
    try:
        yield
    finally:
        _NAMED.reset(token)


def names_of_user() -> list[str]:
    """Return the references to factories that the user has named, sorted."""
    return sorted(_NAMED.get())


def require_named(builder: str, file: str) -> None:
    """Refuse a file that names code, unless the user has named the same code.

    Args:
        builder: Builder of a network, out of the file; any other than a factory is accepted.
        file: Path of the file, for the message.

    Raises:
        InputError: The builder is a factory that the user has not named.
    """
    if not builder.startswith(SCHEME) or builder in _NAMED.get():
        return
    if len(builder) > _LONGEST or ENTRY.fullmatch(builder.removeprefix(SCHEME)) is None:
        raise InputError(
            f"{file} names code, and not in the form {SCHEME}package.module:factory",
            hint="the file is damaged or forged: do not use it",
        )
    raise InputError(
        f"{file} wants the code {builder} to be run, and nobody but you may ask for that",
        hint=f"if this code is your own, name it: --network {builder}, or model.network in the pipeline",
    )
