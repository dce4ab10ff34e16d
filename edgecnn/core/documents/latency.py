"""Latency of a candidate against a baseline, as it was measured."""

from __future__ import annotations

from typing import ClassVar

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.verdict import Verdict


class Latency(Document):
    """Times of one inference, in nanoseconds; the waiting that the machine caused is taken off."""

    iterations: int
    """How many were timed."""

    p50_ns: float
    """Median."""

    p90_ns: float
    """90th percentile."""

    p99_ns: float
    """99th percentile."""

    min_ns: float
    """Shortest."""

    wall_p50_ns: float
    """Median with the waiting left in: what a user of this busy machine would have seen."""

    wall_p99_ns: float
    """99th percentile with the waiting left in."""

    first_ns: float
    """The first inference after opening; median over the processes."""

    load_ns: float
    """Opening the model; median over the processes."""

    peak_bytes: int
    """Peak memory of the worker, interpreter and runtime included; the largest process."""

    machine_outliers: int
    """Inferences that waited for the CPU for more than 1 % of their time."""

    model_outliers: int
    """Inferences that did not wait and yet took longer than the median by more than five robust standard
    deviations."""


class LatencyRatio(Document):
    """Candidate and baseline, side by side."""

    left_out: ClassVar[frozenset[str]] = frozenset({"threads"})

    threads: int | None = None
    """Threads of one inference, where the comparison is of a pipeline's step."""

    candidate: Latency
    baseline: Latency
    ratio: float
    """How much of the baseline's time the candidate takes; below 1 it is faster."""

    low: float
    """Lower end of the confidence interval of the ratio."""

    high: float
    """Upper end."""

    confidence: float
    """Of the interval, all looks at the growing data together."""

    limit: float | None
    """What the ratio was held to; None where only precision was wanted."""

    verdict: Verdict
    """``pass`` or ``fail`` where the interval lies on one side of the limit, else ``inconclusive``; without a
    limit, whether the interval is narrow enough."""

    rounds: int
    """Turns that each had."""

    processes: int
    """Pairs of fresh worker processes."""

    looks: int
    """How often the interval was looked at."""

    warmup: int
    """Inferences that each new process needed before its times were steady, at most."""

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
        """3 if an artifact is over the limit that was given, else 0."""
        over = (row.compared is not None and row.compared.verdict is Verdict.FAIL for row in self.rows)
        return 3 if any(over) else 0
