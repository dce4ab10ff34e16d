"""Names of CPUs in budgets: a name with a typing mistake would switch its limit off for ever."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecnn.core.config.yaml_events import Location
    from edgecnn.core.config.yaml_source import YamlSource

_SIMILARITY = 0.8
"""Names with a lower similarity, by difflib's ratio, are taken for those of other machines."""

CORES = (
    *(f"Cortex-A{number}" for number in (5, 7, 8, 9, 12, 15, 17, 32, 34, 35, 53, 55, 57, 65, 72, 73, 75)),
    *(f"Cortex-A{number}" for number in (76, 77, 78, 510, 520, 710, 715, 720, 725)),
    *(f"Cortex-X{number}" for number in (1, 2, 3, 4, 925)),
    *("Neoverse-N1", "Neoverse-N2", "Neoverse-N3", "Neoverse-V1", "Neoverse-V2", "Neoverse-V3"),
)
"""Arm's cores for applications."""


def meant_cpu(name: str, here: str) -> str | None:
    """Return the CPU that a name was probably meant as; None if it may be the name of a CPU.

    Names of cores are all known. A name like this machine's that differs in its numbers is another model.

    Args:
        name: The name in a budget.
        here: Name of this machine's CPU.

    >>> meant_cpu("cortx-a72", "AMD EPYC"), meant_cpu("amd epic", "AMD EPYC")
    ('Cortex-A72', 'AMD EPYC')
    >>> meant_cpu("Cortex-A76", "AMD EPYC"), meant_cpu("AMD EPYC 7B13", "AMD EPYC")
    (None, None)
    """
    cores = {core.casefold(): core for core in CORES}
    written = _plain(name)
    if name == here or written in cores:
        return None
    same_numbers = re.findall(r"\d+", name) == re.findall(r"\d+", here)
    if same_numbers and difflib.SequenceMatcher(None, written, _plain(here)).ratio() >= _SIMILARITY:
        return here
    near = difflib.get_close_matches(written, cores, n=1, cutoff=_SIMILARITY)
    return cores[near[0]] if near else None


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def latency_places(source: YamlSource) -> list[Location]:
    """Return the places of the limits on latency in a section ``budgets``, which need not fit the schema."""
    section = source.data.get("budgets")
    return [
        ("budgets", target, "latency", name)
        for target, limits in (section.items() if isinstance(section, dict) else ())
        if isinstance(limits, dict) and isinstance(limits.get("latency"), dict)
        for name in limits["latency"]
    ]


def misnamed_cpus(source: YamlSource, places: Iterable[Location], here: str) -> list[UsageError]:
    """Return the CPUs of limits on latency whose names are most likely typing mistakes.

    Args:
        source: Positions of the keys.
        places: Places of the limits; each ends with the name of a CPU.
        here: Name of this machine's CPU.
    """
    errors = []
    for place in places:
        meant = meant_cpu(str(place[-1]), here)
        if meant is not None:
            message = f"{source.locate(place)}: {'.'.join(map(str, place))}: no CPU is called {place[-1]!r}"
            errors.append(UsageError(message, hint=f"did you mean {meant!r}?"))
    return errors
