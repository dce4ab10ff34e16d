"""Measure what a command costs with every process that it starts: CPU time, wall time and memory, by step.

The command gets a session of its own, to which all its processes belong whatever their parents are. Their
times and memory are read from Linux's ``/proc``. A step is what edgecnn reports on standard error as done.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BETWEEN = "between steps"
"""Stands for what no step needs: the start of the command, the plan, the verdict and the report."""

_LINE = re.compile(r"\[ *\d+/\d+\] (?P<step>\S+) (?P<what>\.\.\.|done|failed)")
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_LAST_LINES = 20
# Memory is sampled often while a process starts, as a short command is at its end soon.
_EARLY_S, _OFTEN_S, _RARELY_S = 1.0, 0.02, 0.2


@dataclass(frozen=True)
class StepShare:
    """The part of a command's cost that one of its steps has.

    Attributes:
        step: Name of the step, or :data:`BETWEEN`.
        cpu_s: CPU time of all processes, in seconds.
        wall_s: Wall time in seconds.
        peak_bytes: Largest sum of proportional set sizes that was seen.
    """

    step: str
    cpu_s: float
    wall_s: float
    peak_bytes: int


@dataclass(frozen=True)
class TreeCost:
    """The cost of a command with all its processes.

    Attributes:
        cpu_s: CPU time in seconds.
        wall_s: Wall time in seconds.
        peak_bytes: Largest sum of proportional set sizes that was seen; 0 if the command was too short.
        steps: What each step has of it, in the order of their ends.
    """

    cpu_s: float
    wall_s: float
    peak_bytes: int
    steps: tuple[StepShare, ...]


@dataclass(frozen=True)
class _Mark:
    """A moment: its time, the CPU time until then, and the step that has just ended."""

    time: float
    cpu_s: float
    step: str


def measure(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> TreeCost:
    """Run a command to its end and return what it cost.

    Args:
        command: Program and arguments; its standard output is dropped.
        env: All its variables.
        cwd: Its working directory.

    Raises:
        SystemExit: It failed; the message ends with the last lines of its standard error.
    """
    marks = [_Mark(time.monotonic(), 0.0, BETWEEN)]
    samples: list[tuple[float, int]] = []
    over, last_lines = threading.Event(), deque[str](maxlen=_LAST_LINES)
    with subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        sampler = threading.Thread(target=_sample, args=(process.pid, samples, over))
        sampler.start()
        for line in process.stderr or ():
            last_lines.append(line)
            found = _LINE.match(line)
            if found:
                step = BETWEEN if found["what"] == "..." else found["step"]
                marks.append(_Mark(time.monotonic(), _cpu_s(process.pid), step))
        over.set()
        sampler.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{''.join(last_lines)}")
    cpu_s = max(usage.ru_utime + usage.ru_stime, marks[-1].cpu_s)
    marks.append(_Mark(time.monotonic(), cpu_s, BETWEEN))
    wall_s = marks[-1].time - marks[0].time
    return TreeCost(cpu_s, wall_s, max((size for _, size in samples), default=0), _shares(marks, samples))


def _shares(marks: Sequence[_Mark], samples: Iterable[tuple[float, int]]) -> tuple[StepShare, ...]:
    """Return the cost of each step; times that have the same name are added."""
    found: dict[str, StepShare] = {}
    sampled = list(samples)
    for before, mark in pairwise(marks):
        peak = max((size for moment, size in sampled if before.time <= moment <= mark.time), default=0)
        old = found.get(mark.step, StepShare(mark.step, 0.0, 0.0, 0))
        found[mark.step] = StepShare(
            mark.step,
            old.cpu_s + mark.cpu_s - before.cpu_s,
            old.wall_s + mark.time - before.time,
            max(old.peak_bytes, peak),
        )
    return tuple(found.values())


def _sample(session: int, samples: list[tuple[float, int]], over: threading.Event) -> None:
    """Append time and memory of a session to a list until the event is set."""
    started = time.monotonic()
    while True:
        moment = time.monotonic()
        samples.append((moment, sum(_memory_bytes(pid) for pid, _ in _processes(session))))
        if over.wait(_OFTEN_S if moment - started < _EARLY_S else _RARELY_S):
            return


def _cpu_s(session: int) -> float:
    """Return the CPU time of a session's processes and of those that they have waited for."""
    return sum(cpu_s for _, cpu_s in _processes(session))


def _processes(session: int) -> list[tuple[int, float]]:
    """Return number and CPU time of every process of a session."""
    found = []
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            if int(fields[3]) == session:
                found.append((int(folder.name), sum(map(int, fields[11:15])) / _TICKS))
    return found


def _memory_bytes(pid: int) -> int:
    """Return the proportional set size of a process; 0 if it has ended."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
