"""What is the same for all NPUs: they run integer files only, and a share of a network runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends import registry
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.document import Document
from edgecnn.core.documents.npu import NpuLayer, Partition
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    FloatParts = Callable[[Path], tuple[str, list[str]]]


@arguments
class SourceFile:
    """A file for an NPU, and the name of the compiler that is to take it."""

    compiler: str
    source: Path


@arguments
class CompiledFile:
    """An integer file and the file that a compiler made of it.

    Attributes:
        source: The integer file.
        compiled: The compiled one.
        npu_operator: Name of the operator that stands for a piece for the NPU in it.
    """

    source: Path
    compiled: Path
    npu_operator: str


class PartitionedLayers(Document):
    """How much of a network an NPU runs, and where each of its operations runs."""

    partition: Partition
    layers: tuple[NpuLayer, ...]


def require_integer(file: SourceFile) -> None:
    """Refuse a file that computes in float anywhere; called in a child process.

    A compiler would warn, leave the float operators to the CPU, and report success.

    Raises:
        InputError: The file is damaged, or not integer from its input to its output.
    """
    record = registry.find_compiler(file.compiler)
    float_parts: FloatParts = registry.load(record.float_parts, record.origin)
    precision, floats = float_parts(file.source)
    if floats:
        raise InputError(
            f"{file.source} is {precision}, and an NPU runs integer files only; "
            f"in float are {', '.join(floats[:3])}",
            hint="give a fully integer file, as an int8 target makes it",
        )


def make_partition(
    total: int, left: Sequence[str], macs: Sequence[int], left_macs: Sequence[int], *, subgraphs: int
) -> Partition:
    """Return how much of a network runs on an NPU.

    Args:
        total: Number of operators of the source file.
        left: Names of the operators that are left to the CPU, one for each.
        macs: Multiply-accumulates of each operator of the source file.
        left_macs: Those of the operators that are left to the CPU.
        subgraphs: Pieces that the network falls into on the NPU.
    """
    return Partition(
        total_ops=total,
        cpu_ops=len(left),
        cpu_operators=tuple(sorted(set(left))),
        ops_coverage=max(0.0, 1.0 - len(left) / total),
        macs_coverage=1.0 - sum(left_macs) / sum(macs) if sum(macs) else float(not left),
        subgraphs=subgraphs,
    )
