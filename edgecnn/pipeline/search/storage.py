"""Open the storage of a study: a journal file of Optuna's, or a database."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.core.text import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.storages import BaseStorage

MOST_BYTES = 256 * 2**20
_SCHEME = "://"


def open_storage(location: str) -> BaseStorage:
    """Open a storage; a missing journal file is created.

    Args:
        location: Path of a journal file, or a database's URL such as ``sqlite:///study.db`` or
            ``postgresql://user@host/study``.

    Raises:
        UsageError: The URL does not name a database.
        InputError: The storage cannot be read or written.
        MissingDependency: The database's driver is not installed.
    """
    with faults(location):
        if _SCHEME not in location:
            path = Path(location)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > MOST_BYTES:
                raise InputError(f"{path} is larger than {MOST_BYTES} bytes; that is no study of edgecnn")
            return JournalStorage(JournalFileBackend(str(path)))
        if location.startswith("redis"):  # Optuna stores pickles there
            raise UsageError(
                f"a study in {shown(location)} is not supported",
                hint="use a journal file on a common file system, or a database such as postgresql://",
            )
        return RDBStorage(location)


@contextlib.contextmanager
def faults(location: str) -> Iterator[None]:
    """Convert an exception of a storage into an error that names it."""
    try:
        yield
    except NoSuchModuleError as error:
        raise UsageError(
            f"{shown(location)} is no database's URL: {error}",
            hint="give the path of a file, or a URL such as sqlite:///study.db",
        ) from error
    except ImportError as error:
        raise MissingDependency(
            f"the driver of {shown(location)} is not installed: {error}", hint=f"pip install {error.name}"
        ) from error
    except (OSError, SQLAlchemyError, OptunaError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"the study in {shown(location)} cannot be used: {first_line(error)}",
            hint="give another --storage; what was trained stays in edgecnn's own store",
        ) from error


def shown(location: str) -> str:
    """Return a location without its password.

    >>> shown("postgresql://me:secret@host/study")
    'postgresql://me@host/study'
    """
    scheme, separator, rest = location.partition(_SCHEME)
    user, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{user.partition(':')[0]}{at}{host}"
