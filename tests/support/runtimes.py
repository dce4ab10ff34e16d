"""A runtime by its name, in this process: what a worker does without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_runtime
from edgecnn.backends.worker import runtimes

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Options, Runtime


def open_runtime(name: str, model: Path, options: Options) -> Runtime:
    return runtimes.open_runtime(find_runtime(name).code, model, options)
