"""The fingerprint of this machine: what a measured number is worth depends on it."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from edgecnn.runtimes.isa import isa_of
from edgecnn.runtimes.registry import RUNTIMES
from edgecnn.toolchains.environment import Environment

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_CPUINFO = Path("/proc/cpuinfo")
_MODEL_KEYS = ("model name", "Model", "Hardware")
_FLAG_KEYS = ("flags", "Features")


@dataclass(frozen=True)
class Host:
    """The machine and what is installed on it.

    Attributes:
        cpu: The CPU's own name.
        machine: Architecture, such as ``x86_64``.
        isa: Instruction set level as targets name it; ``unknown`` for an architecture we have no name for.
        cores: Logical CPUs that this process may use.
        memory_bytes: Physical memory.
        governor: Frequency governor; ``unknown`` where the kernel shows none, as in virtual machines.
        load: Load average over one minute.
        system: Operating system and kernel.
        python: Version of Python.
        runtimes: Version of every installed runtime, by its name in the table.
    """

    cpu: str
    machine: str
    isa: str
    cores: int
    memory_bytes: int
    governor: str
    load: float
    system: str
    python: str
    runtimes: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the fingerprint as plain data."""
        return asdict(self)


def host() -> Host:
    """Return the fingerprint of this machine; nothing heavy is imported for it."""
    facts = (
        parse_cpuinfo(_CPUINFO.read_text(errors="replace"))
        if _CPUINFO.is_file()
        else CpuInfo("", frozenset())
    )
    isa = isa_of(platform.machine(), facts.flags)
    return Host(
        cpu=facts.model or platform.processor() or "unknown",
        machine=platform.machine(),
        isa=isa.name if isa else "unknown",
        cores=len(usable_cpus()),
        memory_bytes=psutil.virtual_memory().total,
        governor=_GOVERNOR.read_text(encoding="ascii").strip() if _GOVERNOR.is_file() else "unknown",
        load=os.getloadavg()[0],
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        runtimes=installed_runtimes(),
    )


def usable_cpus() -> list[int]:
    """Return the CPUs that this process may run on, in order."""
    return (
        sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else list(range(os.cpu_count() or 1))
    )


def installed_runtimes() -> dict[str, str]:
    """Return the version of every installed runtime, without importing any."""
    found = {}
    for name, entry in RUNTIMES.items():
        if entry.toolchain is not None:
            environment = Environment.of(entry.toolchain)
            if environment.installed:
                found[name] = environment.versions().get(entry.distribution, "unknown")
            continue
        try:
            found[name] = version(entry.distribution)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class CpuInfo:
    """What ``/proc/cpuinfo`` says of the first CPU.

    Attributes:
        model: Its name; empty where the kernel gives none.
        flags: Its features.
    """

    model: str
    flags: frozenset[str]


def parse_cpuinfo(text: str) -> CpuInfo:
    r"""Read the first CPU's name and flags from the text of ``/proc/cpuinfo``.

    >>> parse_cpuinfo("processor : 0\nmodel name : Some CPU\nflags : fpu avx2\n").model
    'Some CPU'
    """
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition(":")
        if separator:
            fields.setdefault(key.strip(), value.strip())
    model = next((fields[key] for key in _MODEL_KEYS if fields.get(key)), "")
    flags = next((fields[key] for key in _FLAG_KEYS if fields.get(key)), "")
    return CpuInfo(model, frozenset(flags.split()))
