"""Comparison of the latencies of artifacts, in turns and in pinned workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.registry import LOCAL, timed_device
from edgecnn.proof.latency.artifacts import time_artifacts
from edgecnn.proof.latency.latency_test import Effort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.latency import BenchResult


def bench(
    artifacts: Sequence[Path | str],
    *,
    limit: float | None = None,
    seconds: float = 20.0,
    processes: int = 2,
    device: str = LOCAL,
) -> BenchResult:
    """Time artifacts; each artifact after the first takes turns with the first.

    Args:
        artifacts: Directories of artifacts; the first is the baseline.
        limit: Largest ratio to the first artifact that passes.
        seconds: Time limit of an undecided comparison.
        processes: Smallest number of pairs of worker processes in a comparison.
        device: Device to run on: ``local``, ``ssh://USER@HOST`` or ``adb:SERIAL``.

    Raises:
        InputError: An artifact cannot be used.
        UsageError: There is no such device, or it is emulated.
        WorkerError: A runtime crashed, timed out or ran out of memory.
    """
    opened = [Artifact.open(Path(artifact)) for artifact in artifacts]
    effort = Effort(seconds=seconds, processes=processes)
    with timed_device(device) as where:
        return time_artifacts(opened, where, limit=limit, effort=effort)
