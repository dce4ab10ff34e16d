"""Facts about a machine, collected here or on a device by the runner that was copied there.

``python -m edgecnn.backends.worker.probe`` prints the facts as one JSON object.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from edgecnn.ondevice.documents import PlainDocument

_TEXTS = {
    "cpuinfo": Path("/proc/cpuinfo"),
    "meminfo": Path("/proc/meminfo"),
    "governor": Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    "model": Path("/proc/device-tree/model"),
}
_MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class MachineFacts(PlainDocument):
    """Facts about a machine; a text is empty where its kernel has none.

    Attributes:
        cpuinfo: The text of ``/proc/cpuinfo``.
        meminfo: The text of ``/proc/meminfo``.
        governor: Frequency governor of the first CPU.
        model: Name of the board.
        machine: Architecture, as ``platform.machine()`` gives it.
        processor: Name of the processor, as Python gives it.
        system: Operating system and its release.
        python: Version of Python.
        cpus: CPUs that a process may run on, in order.
        load: Average load of the last minute.
    """

    cpuinfo: str
    meminfo: str
    governor: str
    model: str
    machine: str
    processor: str
    system: str
    python: str
    cpus: tuple[int, ...]
    load: float


def facts() -> MachineFacts:
    """Return the facts about this machine, without importing a runtime."""
    return MachineFacts(
        **{name: _read(path) for name, path in _TEXTS.items()},
        machine=platform.machine(),
        processor=platform.processor(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        cpus=_usable_cpus(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:_MOST_CHARACTERS].strip("\0\n")
    except OSError:  # this kernel has no such file
        return ""


def _usable_cpus() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(facts().to_json()) + "\n")
