"""Logs in temporary folders, which are kept if an error names them."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import home
from edgecnn.core.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def kept_log(log: Path) -> Iterator[Path]:
    """Give the path of a temporary log; move the log to ``EDGECNN_HOME/logs`` if an error's hint names it.

    Raises:
        WorkerError: The error of the block; its hint names the log's new path.
    """
    try:
        yield log
    except WorkerError as error:
        if error.hint and str(log) in error.hint:
            error.hint = _moved(log, error.hint)
        raise


def _moved(log: Path, hint: str) -> str | None:
    kept = home() / "logs" / f"{log.stem}-{os.getpid()}{log.suffix}"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(log, kept)
    except OSError:  # the log cannot be kept, so that its path would help nobody
        return None
    return hint.replace(str(log), str(kept))
