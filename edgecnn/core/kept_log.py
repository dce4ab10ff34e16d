"""Temporary folders whose logs are kept if an error names them."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import home
from edgecnn.core.errors import EdgecnnError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Make a folder that is removed after the block; a log in it that an error's hint names is kept.

    Args:
        purpose: A word for the names of the folder and of the logs, such as ``eval``.

    Raises:
        EdgecnnError: The error of the block; its hint names the log's new path in ``EDGECNN_HOME/logs``.
    """
    with TemporaryDirectory(prefix=f"edgecnn-{purpose}-") as name:
        try:
            yield Path(name)
        except EdgecnnError as error:
            if error.hint and name in error.hint:
                error.hint = _with_kept_logs(error.hint, name, purpose)
            raise


def _with_kept_logs(hint: str, folder: str, purpose: str) -> str | None:
    """Move the files of a folder that a hint names; return the new hint, None if they cannot be moved."""
    for found in sorted(set(re.findall(rf"{re.escape(folder)}/[^\s:;,]+", hint)), key=len, reverse=True):
        log = Path(found)
        kept = home() / "logs" / f"{purpose}-{log.stem}-{os.getpid()}{log.suffix}"
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(log, kept)
        except OSError:  # its path would help nobody
            return None
        hint = hint.replace(found, str(kept))
    return hint
