"""Timing of inferences, with the time for which the operating system kept the worker waiting.

Linux counts for every thread how long it was ready to run while its CPU ran something else: the second number
of ``/proc/PID/task/TID/schedstat``, in nanoseconds (sched-stats in the kernel's documentation). That time is
caused by the machine. The rest belongs to the model, including cold caches after an interruption.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.worker.messages import Timed

if TYPE_CHECKING:
    from types import TracebackType

    from edgecnn.backends.worker.runtime import Runtime
    from edgecnn.ondevice.tensor import Array

_TASKS = Path("/proc/self/task")
_SCHEDSTAT_BYTES = 96
_STEAL_FIELD = 8


class RunQueue:
    """Time for which this process's threads have waited for a CPU; a context manager that keeps files open.

    Threads that start later are not seen, so create it after the runtime has run once.
    """

    def __init__(self) -> None:
        self._files: list[int] = []

    def __enter__(self) -> RunQueue:
        for task in sorted(_TASKS.iterdir()) if _TASKS.is_dir() else ():
            with contextlib.suppress(OSError):  # the thread has ended, or the kernel has no such file
                self._files.append(os.open(task / "schedstat", os.O_RDONLY))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            os.close(file)

    def waited_ns(self) -> list[int]:
        """Return the time that each thread has waited since its start, in nanoseconds."""
        waited = []
        for file in self._files:
            try:
                waited.append(int(os.pread(file, _SCHEDSTAT_BYTES, 0).split()[1]))
            except (OSError, IndexError):  # the thread has ended, and its waiting time is lost
                waited.append(0)
        return waited


def time_inferences(runtime: Runtime, inputs: list[Array], iterations: int) -> Timed:
    """Run ``iterations`` inferences on the same inputs and time each."""
    walls, waits = [], []
    stolen = _stolen_ns()
    with RunQueue() as queue:
        before = queue.waited_ns()
        for _ in range(iterations):
            started = time.perf_counter_ns()
            runtime.run(inputs)
            walls.append(time.perf_counter_ns() - started)
            after = queue.waited_ns()
            waits.append(max((new - old for new, old in zip(after, before, strict=True)), default=0))
            before = after
    return Timed(tuple(walls), tuple(max(0, waited) for waited in waits), max(0, _stolen_ns() - stolen))


def _stolen_ns() -> int:
    """Return the time that the hypervisor has taken from this process's CPUs since the machine started."""
    cpus = {f"cpu{cpu}" for cpu in os.sched_getaffinity(0)} if hasattr(os, "sched_getaffinity") else set()
    stat = Path("/proc/stat")
    if not cpus or not stat.is_file():
        return 0
    rows = (line.split() for line in stat.read_text(encoding="ascii").splitlines())
    ticks = sum(int(row[_STEAL_FIELD]) for row in rows if row[0] in cpus and len(row) > _STEAL_FIELD)
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
