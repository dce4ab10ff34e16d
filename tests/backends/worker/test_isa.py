from __future__ import annotations

import pytest

from edgecnn.backends.worker.isa import ISAS, foreign, isa_named, isa_of
from edgecnn.core.errors import UsageError


@pytest.mark.parametrize(
    ("machine", "flags", "name"),
    [
        ("x86_64", "fpu sse2", "x86-64"),
        ("x86_64", "avx2 fma", "x86-64-avx2"),
        ("AMD64", "avx2 fma", "x86-64-avx2"),
        ("x86_64", "avx2 avx_vnni", "x86-64-avx-vnni"),
        ("x86_64", "avx2 avx512f avx512bw", "x86-64-avx512"),
        ("x86_64", "avx2 avx512f avx512bw avx512_vnni avx_vnni", "x86-64-avx512-vnni"),
        ("aarch64", "fp asimd", "arm64"),
        ("arm64", "fp asimd asimddp", "arm64-dotprod"),
        ("aarch64", "fp asimd asimddp i8mm", "arm64-i8mm"),
        ("armv7l", "neon", "armv7"),
    ],
)
def test_flags_name_the_instruction_set(machine: str, flags: str, name: str) -> None:
    isa = isa_of(machine, frozenset(flags.split()))
    assert isa is not None
    assert isa.name == name


def test_unknown_architecture() -> None:
    assert isa_of("riscv64", frozenset()) is None


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="avx3"):
        isa_named("x86-64-avx3")


def test_only_x86_without_vnni_saturates() -> None:
    saturating = {name for name, isa in ISAS.items() if isa.int8_saturates}
    assert saturating == {"x86-64", "x86-64-avx2", "x86-64-avx512"}
    assert not any(isa.int8_dot for name, isa in ISAS.items() if name in saturating)


@pytest.mark.parametrize(
    ("target", "host", "word"),
    [
        ("x86-64-avx-vnni", "x86-64-avx2", "saturate"),
        ("arm64", "x86-64", "saturate"),
        ("x86-64-avx2", "arm64-dotprod", "all 8 bits"),
        ("arm64", "x86-64-avx-vnni", "executed on"),
        ("x86-64-avx2", "x86-64-avx512", ""),
        ("any", "arm64", ""),
        ("arm64", "unknown", ""),
    ],
)
def test_a_file_for_another_instruction_set_says_so(target: str, host: str, word: str) -> None:
    note = foreign(target, host)
    assert word in note
    assert bool(note) == bool(word), note
