"""Compare two runs or artifacts: values, operations and layers that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.compare import CompareResult
from edgecnn.core.store.runs import open_artifacts
from edgecnn.pipeline.compare import compare_artifacts

if TYPE_CHECKING:
    from pathlib import Path


def compare(first: Path | str, second: Path | str) -> CompareResult:
    """Say what changed from one run or artifact to another.

    Operations are read back from the files; layers are the operations with weights, in their order, with the
    bytes and shape of those. Nothing is executed: :func:`edgecnn.bench` compares the latencies.

    Args:
        first: Directory of a run or an artifact.
        second: Directory of another.

    Raises:
        InputError: One of them is neither, was changed since it was verified, or both have no target in
            common.
    """
    changes = compare_artifacts(open_artifacts(first), open_artifacts(second))
    return CompareResult(first=str(first), second=str(second), changes=tuple(changes))
