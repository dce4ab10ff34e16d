"""Standard output and memory of the current process; this file is also copied to devices."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def private_stdout() -> Iterator[IO[str]]:
    """Yield a handle on the real standard output, while all other output to it goes to stderr."""
    private = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(private, "w", encoding="utf-8") as channel:
        yield channel


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process, in bytes.

    Linux's ``getrusage`` is unsuitable: a forked child starts with its parent's peak, which says nothing
    about the child.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_limits: list[int] = []
"""The limit that :func:`limit_memory` set, if it did."""


def limit_memory(size: int) -> None:
    """Limit the address space of this process to ``size`` bytes, and to what is mapped from files besides."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    _limits[:] = [wanted]


def make_room_for(mapped: int) -> None:
    """Raise the limit of :func:`limit_memory` for a mapped file, which needs address space and no memory.

    Args:
        mapped: The file's size in bytes.
    """
    if not _limits:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    _limits[0] += mapped
    wanted = _limits[0] if hard == resource.RLIM_INFINITY else min(_limits[0], hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
