"""Compare the latency of artifacts: interleaved, each in a pinned worker of its own."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.devices.host import Host, host
from edgecnn.devices.local import LocalDevice
from edgecnn.measure.latency import Latency, compare_latency, measure_latency, pinned_cpus
from edgecnn.store.manifest import Artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.devices.session import Session


@dataclass(frozen=True)
class BenchRow:
    """One artifact's latency.

    Attributes:
        artifact: Its directory.
        target: Its target.
        threads: Threads of one inference.
        latency: Times of one inference.
        ratio: Median over the first artifact's median, from turns that the two took; None for the first.
        interval: 95 % interval of the ratio.
    """

    artifact: str
    target: str
    threads: int
    latency: Latency
    ratio: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class BenchResult:
    """Latencies of artifacts against the first of them.

    Attributes:
        rows: One an artifact, in their order.
        host: The machine; times mean nothing without it.
    """

    rows: tuple[BenchRow, ...]
    host: Host

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)


def bench(artifacts: Sequence[Path | str], *, rounds: int = 20, milliseconds: float = 50.0) -> BenchResult:
    """Time artifacts; every one after the first takes turns with the first.

    Args:
        artifacts: Directories of artifacts; the first is the baseline.
        rounds: How often two artifacts take turns.
        milliseconds: Length of one turn.

    Raises:
        InputError: An artifact cannot be used.
        WorkerError: A runtime crashed, hung or ran out of memory.
    """
    opened = [Artifact.open(Path(artifact)) for artifact in artifacts]
    first, others = opened[0], opened[1:]
    with tempfile.TemporaryDirectory(prefix="edgecnn-bench-") as folder, contextlib.ExitStack() as stack:
        baseline = stack.enter_context(_open(first, Path(folder)))
        rows = [_row(first, measure_latency(baseline, seconds=rounds * milliseconds / 1e3))]
        for artifact in others:
            with _open(artifact, Path(folder)) as candidate:
                pair = compare_latency(candidate, baseline, rounds=rounds, round_seconds=milliseconds / 1e3)
            rows.append(_row(artifact, pair.candidate, pair.ratio, (pair.low, pair.high)))
    return BenchResult(tuple(rows), host())


def _open(artifact: Artifact, folder: Path) -> Session:
    target = artifact.manifest.target
    return LocalDevice().open(
        target.runtime,
        artifact.model,
        log=folder / "worker.log",
        threads=target.threads,
        cpus=pinned_cpus(target.threads),
    )


def _row(
    artifact: Artifact,
    latency: Latency,
    ratio: float | None = None,
    interval: tuple[float, float] | None = None,
) -> BenchRow:
    target = artifact.manifest.target
    return BenchRow(str(artifact.directory), target.name, target.threads, latency, ratio, interval)
