"""Comparison of two runs or artifacts: changed values, operations and layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.compare import CompareResult
from edgecnn.core.store.runs import open_artifacts
from edgecnn.pipeline.compare import compare_artifacts

if TYPE_CHECKING:
    from pathlib import Path


def compare(first: Path | str, second: Path | str) -> CompareResult:
    """Return the differences between two runs or artifacts.

    Operations are read back from the files; layers are the operations with weights, in order, with the bytes
    and shapes of their weights. Nothing is executed: :func:`edgecnn.bench` compares the latencies.

    Args:
        first: Directory of a run or an artifact.
        second: Directory of another.

    Raises:
        InputError: One of them is neither or was changed since it was verified, or they have no common
            target.
    """
    changes = compare_artifacts(open_artifacts(first), open_artifacts(second))
    return CompareResult(first=str(first), second=str(second), changes=tuple(changes))
