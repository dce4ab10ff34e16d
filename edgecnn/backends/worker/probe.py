"""Facts about a machine, collected here or on a device by the runner that was copied there.

``python -m edgecnn.backends.worker.probe`` prints the facts as one JSON object.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

_TEXTS = {
    "cpuinfo": Path("/proc/cpuinfo"),
    "meminfo": Path("/proc/meminfo"),
    "governor": Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    "model": Path("/proc/device-tree/model"),
}
_MOST_CHARACTERS = 200_000


def facts() -> dict[str, Any]:
    """Return the facts as plain data, without importing a runtime."""
    texts = {name: _read(path) for name, path in _TEXTS.items()}
    return {
        **texts,
        "machine": platform.machine(),
        "processor": platform.processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "cpus": _usable_cpus(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:_MOST_CHARACTERS].strip("\0\n")
    except OSError:  # this kernel has no such file
        return ""


def _usable_cpus() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(facts()) + "\n")
