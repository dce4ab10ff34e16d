"""The latency of artifacts: each is opened in pinned workers of its own, on one device."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.targets import runtime_options
from edgecnn.core.documents.latency import BenchResult, BenchRow, Latency, LatencyRatio
from edgecnn.core.kept_log import temporary_folder
from edgecnn.proof.latency.latency_test import Effort, compare_latency, measure_latency
from edgecnn.proof.latency.measurement import pinned_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.core.store.manifest import Artifact
    from edgecnn.devices.base import Device
    from edgecnn.devices.session import Session


def artifact_opener(artifact: Artifact, folder: Path, device: Device) -> Callable[[], Session]:
    """Return a function that opens an artifact in a fresh worker, pinned to one CPU for each thread.

    Args:
        artifact: The artifact, of which a copy is timed.
        folder: Existing folder for the copy and the worker's log.
        device: The device that executes it.

    Raises:
        InputError: The artifact was replaced since it was opened.
    """
    target = artifact.manifest.target
    options, log = runtime_options(target), folder / "worker.log"
    copy = artifact.copy(Path(tempfile.mkdtemp(dir=folder)) / "artifact")
    return pinned_opener(device, target.runtime, copy.model, log=log, threads=target.threads, extra=options)


def time_artifacts(
    artifacts: Sequence[Artifact], device: Device, *, limit: float | None, effort: Effort
) -> BenchResult:
    """Time artifacts; every one after the first takes turns with the first.

    Args:
        artifacts: The artifacts; the first is the baseline.
        device: The device that executes them.
        limit: Largest ratio to the first artifact that passes.
        effort: The extent of the measurement.

    Raises:
        WorkerError: A runtime crashed, hung or ran out of memory.
    """
    first, *others = artifacts
    with temporary_folder("bench") as folder:
        baseline = artifact_opener(first, folder, device)
        rows = [_row(first, measure_latency(baseline, effort=effort), None)]
        for artifact in others:
            opener = artifact_opener(artifact, folder, device)
            pair = compare_latency(opener, baseline, limit=limit, effort=effort)
            rows.append(_row(artifact, pair.candidate, pair))
    return BenchResult(rows=tuple(rows), host=device.host())


def _row(artifact: Artifact, latency: Latency, compared: LatencyRatio | None) -> BenchRow:
    target = artifact.manifest.target
    return BenchRow(
        artifact=str(artifact.directory),
        target=target.name,
        threads=target.threads,
        latency=latency,
        compared=compared,
    )
