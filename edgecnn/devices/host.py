"""The fingerprint of this machine, on which measured numbers depend."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from edgecnn.backends.registry import runtimes
from edgecnn.backends.worker.isa import isa_of
from edgecnn.backends.worker.probe import facts
from edgecnn.core.documents.host import Host
from edgecnn.core.toolchains.environment import Environment

if TYPE_CHECKING:
    from edgecnn.backends.worker.probe import MachineFacts

_MODEL_KEYS = ("model name", "Model", "Hardware")
_FLAG_KEYS = ("flags", "Features")


def host() -> Host:
    """Return the fingerprint of this machine, without heavy imports."""
    return host_from(facts(), installed_runtimes())


def host_from(found: MachineFacts, runtimes: dict[str, str]) -> Host:
    """Return a machine's fingerprint from its :func:`edgecnn.backends.worker.probe.facts`.

    Args:
        found: The facts.
        runtimes: Version of every runtime installed there, by its name in the table.
    """
    processor = parse_cpuinfo(found.cpuinfo)
    isa = isa_of(found.machine, processor.flags)
    return Host(
        cpu=processor.model or found.model or found.processor or "unknown",
        machine=found.machine,
        isa=isa.name if isa else "unknown",
        cores=len(found.cpus),
        memory_bytes=_total_memory(found.meminfo),
        governor=found.governor or "unknown",
        load=found.load,
        system=found.system,
        python=found.python,
        runtimes=runtimes,
    )


def _total_memory(meminfo: str) -> int:
    """Return the bytes of physical memory according to ``/proc/meminfo``; 0 without one."""
    line = next((line for line in meminfo.splitlines() if line.startswith("MemTotal:")), "")
    return int(line.split()[1]) * 1024 if line else 0


def usable_cpus() -> list[int]:
    """Return the CPUs that this process may run on, in order."""
    return list(facts().cpus)


def installed_runtimes() -> dict[str, str]:
    """Return the version of every installed runtime, without importing any."""
    found = {}
    for name, record in runtimes().items():
        if record.toolchain is not None:
            environment = Environment.of(record.toolchain)
            if environment.installed:
                found[name] = environment.versions().get(record.distribution, "unknown")
            continue
        try:
            found[name] = version(record.distribution)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class CpuInfo:
    """Data on the first CPU in ``/proc/cpuinfo``.

    Attributes:
        model: Its name; empty if the kernel gives none.
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
