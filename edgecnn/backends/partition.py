"""What is the same for all NPUs: they run integer files only, and a share of a network runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends import registry
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    FloatParts = Callable[[Path], tuple[str, list[str]]]


def require_integer(compiler: str, source: str) -> None:
    """Refuse a file that computes in float anywhere; called in a child process.

    A compiler would warn, leave the float operators to the CPU, and report success.

    Args:
        compiler: Name of the compiler that is to take the file.
        source: The file.

    Raises:
        InputError: The file is damaged, or not integer from its input to its output.
    """
    record = registry.find_compiler(compiler)
    float_parts: FloatParts = registry.load(record.float_parts, record.origin)
    precision, floats = float_parts(Path(source))
    if floats:
        raise InputError(
            f"{source} is {precision}, and an NPU runs integer files only; "
            f"in float are {', '.join(floats[:3])}",
            hint="give a fully integer file, as an int8 target makes it",
        )


def coverage(total: int, left: int, macs: Sequence[int], left_macs: Sequence[int]) -> dict[str, float]:
    """Return the shares of a network that run on an NPU, 0 to 1.

    Args:
        total: Operators of the source file.
        left: Operators that are left to the CPU.
        macs: Multiply-accumulates of each operator of the source file.
        left_macs: Those of the operators that are left to the CPU.
    """
    return {
        "ops_coverage": max(0.0, 1.0 - left / total),
        "macs_coverage": 1.0 - sum(left_macs) / sum(macs) if sum(macs) else float(not left),
    }
