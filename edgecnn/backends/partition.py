"""Common code for NPUs: the check for integer files, and the share of a network that runs on the NPU."""

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
    """A file for an NPU, with the name of its compiler."""

    compiler: str
    source: Path


@arguments
class CompiledFile:
    """An integer file with the file that a compiler made of it.

    Attributes:
        source: The integer file.
        compiled: The compiled file.
        npu_operator: Name of the compiled file's operator for a piece that runs on the NPU.
    """

    source: Path
    compiled: Path
    npu_operator: str


class PartitionedLayers(Document):
    """The share of a network that an NPU runs, and the place of each operation."""

    partition: Partition
    layers: tuple[NpuLayer, ...]


def require_integer(file: SourceFile) -> None:
    """Refuse a file with float computations; called in a child process.

    A compiler would only warn, leave float operators to the CPU, and report success.

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
    """Return the share of a network that runs on an NPU.

    Args:
        total: Number of operators of the source file.
        left: Names of the operators that run on the CPU.
        macs: Multiply-accumulates of each operator of the source file.
        left_macs: Multiply-accumulates of the operators on the CPU.
        subgraphs: Number of pieces of the network on the NPU.
    """
    return Partition(
        total_ops=total,
        cpu_ops=len(left),
        cpu_operators=tuple(sorted(set(left))),
        ops_coverage=max(0.0, 1.0 - len(left) / total),
        macs_coverage=1.0 - sum(left_macs) / sum(macs) if sum(macs) else float(not left),
        subgraphs=subgraphs,
    )
