"""Instruction sets by their names in targets, with the properties that int8 kernels depend on."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.errors import UsageError


@dataclass(frozen=True)
class Isa:
    """An instruction set level.

    Attributes:
        name: Its name in targets.
        int8_dot: Whether an instruction multiplies int8 and accumulates in int32.
        int8_saturates: Whether products of unsigned activations and signed weights are added in pairs in
            int16 (``vpmaddubsw``) and saturate at 32767, unless the weights stay within 7 bits.
    """

    name: str
    int8_dot: bool
    int8_saturates: bool


ISAS: dict[str, Isa] = {
    isa.name: isa
    for isa in (
        Isa("x86-64", int8_dot=False, int8_saturates=True),
        Isa("x86-64-avx2", int8_dot=False, int8_saturates=True),
        Isa("x86-64-avx512", int8_dot=False, int8_saturates=True),
        Isa("x86-64-avx-vnni", int8_dot=True, int8_saturates=False),
        Isa("x86-64-avx512-vnni", int8_dot=True, int8_saturates=False),
        Isa("armv7", int8_dot=False, int8_saturates=False),
        Isa("arm64", int8_dot=False, int8_saturates=False),
        Isa("arm64-dotprod", int8_dot=True, int8_saturates=False),
        Isa("arm64-i8mm", int8_dot=True, int8_saturates=False),
    )
}

# Most specific first: the first row whose flags are all present gives the name of the CPU.
_FLAGS: dict[str, tuple[tuple[frozenset[str], str], ...]] = {
    "x86_64": (
        (frozenset({"avx512f", "avx512_vnni"}), "x86-64-avx512-vnni"),
        (frozenset({"avx2", "avx_vnni"}), "x86-64-avx-vnni"),
        (frozenset({"avx512f", "avx512bw"}), "x86-64-avx512"),
        (frozenset({"avx2"}), "x86-64-avx2"),
        (frozenset(), "x86-64"),
    ),
    "aarch64": (
        (frozenset({"asimddp", "i8mm"}), "arm64-i8mm"),
        (frozenset({"asimddp"}), "arm64-dotprod"),
        (frozenset(), "arm64"),
    ),
    "armv7l": ((frozenset(), "armv7"),),
}
_MACHINE_ALIASES = {"AMD64": "x86_64", "amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}


def isa_named(name: str) -> Isa:
    """Return an instruction set by its name.

    Raises:
        UsageError: The name is unknown.

    >>> isa_named("x86-64-avx2").int8_saturates
    True
    """
    try:
        return ISAS[name]
    except KeyError:
        raise UsageError(f"no instruction set is called {name!r}; there are {', '.join(ISAS)}") from None


def isa_of(machine: str, flags: frozenset[str]) -> Isa | None:
    """Return the instruction set of a CPU, or None for an architecture that is not in the table.

    Args:
        machine: Architecture as returned by ``platform.machine()``.
        flags: The ``flags`` (x86) or ``Features`` (Arm) of ``/proc/cpuinfo``.

    >>> isa_of("x86_64", frozenset({"avx2", "fma"})).name
    'x86-64-avx2'
    """
    for needed, name in _FLAGS.get(_MACHINE_ALIASES.get(machine, machine), ()):
        if needed <= flags:
            return ISAS[name]
    return None


def foreign(target: str, host: str) -> str:
    """Describe the effect of running an int8 file for one instruction set on another.

    Args:
        target: Instruction set that the file was quantized for, or ``any``.
        host: Instruction set that executes it.

    Returns:
        A sentence, empty if the two fit each other.

    >>> foreign("x86-64-avx512-vnni", "x86-64-avx2")
    'quantized for x86-64-avx512-vnni: on x86-64-avx2 its int8 products can saturate'
    >>> foreign("arm64", "arm64-dotprod")
    ''
    """
    made_for, here = ISAS.get(target), ISAS.get(host)
    if made_for is None or here is None or made_for == here:
        return ""
    if here.int8_saturates and not made_for.int8_saturates:
        return f"quantized for {target}: on {host} its int8 products can saturate"
    if made_for.int8_saturates and not here.int8_saturates:
        return f"quantized for {target}: on {host} its weights could use all 8 bits"
    if target.partition("-")[0] != host.partition("-")[0]:
        return f"quantized for {target}, and executed on {host}"
    return ""
