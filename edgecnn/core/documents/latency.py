"""Measured latency of a candidate against a baseline."""

from __future__ import annotations

from typing import ClassVar

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.verdict import Verdict


class Latency(Document):
    """Times of one inference in nanoseconds, without the waiting that the machine caused."""

    iterations: int
    """Number of timed inferences."""

    p50_ns: float
    """Median."""

    p90_ns: float
    """90th percentile."""

    p99_ns: float
    """99th percentile."""

    min_ns: float
    """Shortest."""

    wall_p50_ns: float
    """Median including the waiting, as a user of this busy machine would see it."""

    wall_p99_ns: float
    """99th percentile including the waiting."""

    first_ns: float
    """First inference after opening; median over the processes."""

    load_ns: float
    """Time to open the model; median over the processes."""

    peak_bytes: int
    """Peak memory of the largest worker, including interpreter and runtime."""

    machine_outliers: int
    """Inferences that waited for the CPU for more than 1 % of their time."""

    model_outliers: int
    """Inferences that did not wait and yet took longer than the median by more than five robust standard
    deviations."""


class LatencyRatio(Document):
    """Candidate and baseline, side by side."""

    left_out: ClassVar[frozenset[str]] = frozenset({"threads"})

    threads: int | None = None
    """Threads of one inference, if the comparison belongs to a step of a pipeline."""

    candidate: Latency
    baseline: Latency
    ratio: float
    """Time of the candidate as a multiple of the baseline's; below 1 it is faster."""

    low: float
    """Lower end of the confidence interval of the ratio."""

    high: float
    """Upper end."""

    confidence: float
    """Confidence of the interval over all looks at the growing data."""

    limit: float | None
    """Limit of the ratio; None if only a narrow interval was wanted."""

    verdict: Verdict
    """``pass`` or ``fail`` if the interval is on one side of the limit, otherwise ``inconclusive``; without a
    limit, whether the interval is narrow enough."""

    rounds: int
    """Number of turns of each side."""

    processes: int
    """Pairs of fresh worker processes."""

    looks: int
    """Number of looks at the interval."""

    warmup: int
    """Largest number of inferences that a new process needed before its times were steady."""

    stolen_ns: int
    """Time that the hypervisor took from the workers' CPUs meanwhile."""

    seconds: float
    """Wall time of the comparison."""

    host: Host
    """The machine."""


class BenchRow(Document):
    """The latency of one artifact."""

    artifact: str
    """Its directory."""

    target: str
    threads: int
    """Threads of one inference."""

    latency: Latency
    compared: LatencyRatio | None
    """Its comparison with the first artifact, timed in turns; None for the first."""


class BenchResult(Document):
    """Latencies of artifacts against the first of them."""

    rows: tuple[BenchRow, ...]
    """One for each artifact, in the order in which they were given."""

    host: Host
    """The machine; times mean nothing without it."""

    @property
    def exit_code(self) -> int:
        """Return 3 if an artifact is over the given limit, otherwise 0."""
        over = (row.compared is not None and row.compared.verdict is Verdict.FAIL for row in self.rows)
        return 3 if any(over) else 0
