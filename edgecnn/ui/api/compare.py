"""Comparison of two runs or artifacts: changed inputs, values, operations and layers."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.documents.compare import CompareResult
from edgecnn.pipeline.compare import compare_runs


def compare(first: Path | str, second: Path | str) -> CompareResult:
    """Return the differences between two runs or artifacts, changed inputs first.

    Operations are read back from the files; layers are the operations with weights, in order, with the bytes
    and shapes of their weights. Nothing is executed: :func:`edgecnn.bench` compares the latencies.

    Args:
        first: Directory of a run or an artifact.
        second: Directory of another.

    Raises:
        InputError: One of them is neither or was changed since it was verified, or they have no common
            target.
    """
    changes = compare_runs(Path(first), Path(second))
    return CompareResult(first=str(first), second=str(second), changes=tuple(changes))
