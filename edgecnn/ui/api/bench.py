"""Compare the latency of artifacts: interleaved, each in pinned workers of its own."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.targets import runtime_options
from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.latency import Latency, LatencyRatio
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.registry import LOCAL, open_device
from edgecnn.proof.latency.latency_test import Effort, compare_latency, measure_latency
from edgecnn.proof.latency.measurement import pinned_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgecnn.devices.base import Device
    from edgecnn.devices.session import Session


class BenchRow(Document):
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


class BenchResult(Document):
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


def bench(
    artifacts: Sequence[Path | str],
    *,
    limit: float | None = None,
    seconds: float = 20.0,
    processes: int = 2,
    device: str = LOCAL,
) -> BenchResult:
    """Time artifacts; every one after the first takes turns with the first.

    Args:
        artifacts: Directories of artifacts; the first is the baseline.
        limit: Largest ratio to the first artifact that passes.
        seconds: Time after which a comparison that is not decided ends.
        processes: Least number of pairs of worker processes of a comparison.
        device: Where they run: ``local``, ``ssh://USER@HOST`` or ``adb:SERIAL``.

    Raises:
        InputError: An artifact cannot be used.
        UsageError: There is no such device, or it is emulated.
        WorkerError: A runtime crashed, hung or ran out of memory.
    """
    first, *others = (Artifact.open(Path(artifact)) for artifact in artifacts)
    effort = Effort(seconds=seconds, processes=processes)
    with tempfile.TemporaryDirectory(prefix="edgecnn-bench-") as folder, timed_device(device) as where:
        log = Path(folder) / "worker.log"
        baseline = opener(first, log, where)
        rows = [_row(first, measure_latency(baseline, effort=effort), None)]
        for artifact in others:
            pair = compare_latency(opener(artifact, log, where), baseline, limit=limit, effort=effort)
            rows.append(_row(artifact, pair.candidate, pair))
        return BenchResult(rows=tuple(rows), host=where.host())


@contextlib.contextmanager
def timed_device(name: str) -> Iterator[Device]:
    """Reach a device on which time means something.

    Raises:
        UsageError: It is emulated, or there is no such device.
        WorkerError: It cannot be reached.
    """
    if name.startswith("qemu:"):
        raise UsageError(
            f"how long {name} takes says nothing of a real one",
            hint=f"count its instructions: edgecnn count ARTIFACT --device {name.removeprefix('qemu:')}",
        )
    with open_device(name) as device:
        yield device


def opener(artifact: Artifact, log: Path, device: Device) -> Callable[[], Session]:
    """Return a function that opens an artifact in a fresh worker, pinned as its threads need."""
    target = artifact.manifest.target
    options = runtime_options(target)
    return pinned_opener(
        device, target.runtime, artifact.model, log=log, threads=target.threads, extra=options
    )


def _row(artifact: Artifact, latency: Latency, compared: LatencyRatio | None) -> BenchRow:
    target = artifact.manifest.target
    return BenchRow(
        artifact=str(artifact.directory),
        target=target.name,
        threads=target.threads,
        latency=latency,
        compared=compared,
    )
