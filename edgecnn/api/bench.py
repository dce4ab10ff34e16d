"""Compare the latency of artifacts: interleaved, each in pinned workers of its own."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.devices.host import Host, host
from edgecnn.devices.local import LocalDevice
from edgecnn.measure.compare import Effort, compare_latency, measure_latency
from edgecnn.measure.latency import Latency, LatencyRatio, pinned_cpus
from edgecnn.measure.verdict import Verdict
from edgecnn.store.manifest import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.devices.session import Session


@dataclass(frozen=True)
class BenchRow:
    """One artifact's latency.

    Attributes:
        artifact: Its directory.
        target: Its target.
        threads: Threads of one inference.
        latency: Times of one inference.
        compared: Its comparison with the first artifact, from turns that the two took; None for the first.
    """

    artifact: str
    target: str
    threads: int
    latency: Latency
    compared: LatencyRatio | None


@dataclass(frozen=True)
class BenchResult:
    """Latencies of artifacts against the first of them.

    Attributes:
        rows: One an artifact, in their order.
        host: The machine; times mean nothing without it.
    """

    rows: tuple[BenchRow, ...]
    host: Host

    @property
    def exit_code(self) -> int:
        """3 if an artifact is over the limit that was given, else 0."""
        over = (row.compared is not None and row.compared.verdict is Verdict.FAIL for row in self.rows)
        return 3 if any(over) else 0

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)


def bench(
    artifacts: Sequence[Path | str],
    *,
    limit: float | None = None,
    seconds: float = 20.0,
    processes: int = 2,
) -> BenchResult:
    """Time artifacts; every one after the first takes turns with the first.

    Args:
        artifacts: Directories of artifacts; the first is the baseline.
        limit: Largest ratio to the first artifact that passes.
        seconds: Time after which a comparison that is not decided ends.
        processes: Least number of pairs of worker processes of a comparison.

    Raises:
        InputError: An artifact cannot be used.
        WorkerError: A runtime crashed, hung or ran out of memory.
    """
    first, *others = (Artifact.open(Path(artifact)) for artifact in artifacts)
    effort = Effort(seconds=seconds, processes=processes)
    with tempfile.TemporaryDirectory(prefix="edgecnn-bench-") as folder:
        log = Path(folder) / "worker.log"
        baseline = opener(first, log)
        rows = [_row(first, measure_latency(baseline, effort=effort), None)]
        for artifact in others:
            pair = compare_latency(opener(artifact, log), baseline, limit=limit, effort=effort)
            rows.append(_row(artifact, pair.candidate, pair))
    return BenchResult(tuple(rows), host())


def opener(artifact: Artifact, log: Path) -> Callable[[], Session]:
    """Return a function that opens an artifact in a fresh worker, pinned as its threads need."""
    target = artifact.manifest.target
    return functools.partial(
        LocalDevice().open,
        target.runtime,
        artifact.model,
        log=log,
        threads=target.threads,
        cpus=pinned_cpus(target.threads),
    )


def _row(artifact: Artifact, latency: Latency, compared: LatencyRatio | None) -> BenchRow:
    target = artifact.manifest.target
    return BenchRow(str(artifact.directory), target.name, target.threads, latency, compared)
