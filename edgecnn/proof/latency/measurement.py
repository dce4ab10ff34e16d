"""Latency of a candidate against a baseline: what is compared, and what comes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.devices.host import Host, usable_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edgecnn.core.documents.verdict import Verdict
    from edgecnn.devices.session import Costs, Times

DISTURBED = 0.01
"""Share of its wall time that an inference waited for the CPU, from which on the machine slowed it."""

_OUTLIER_DEVIATIONS = 5.0


@dataclass(frozen=True)
class Latency:
    """Times of one inference, in nanoseconds; the waiting that the machine caused is taken off.

    Attributes:
        iterations: How many were timed.
        p50_ns: Median.
        p90_ns: 90th percentile.
        p99_ns: 99th percentile.
        min_ns: Shortest.
        wall_p50_ns: Median with the waiting left in: what a user of this busy machine would have seen.
        wall_p99_ns: 99th percentile with the waiting left in.
        first_ns: The first inference after opening; median over the processes.
        load_ns: Opening the model; median over the processes.
        peak_bytes: Peak memory of the worker, interpreter and runtime included; the largest process.
        machine_outliers: Inferences that waited for the CPU for more than 1 % of their time.
        model_outliers: Inferences that did not wait and yet took longer than the median by more than five
            robust standard deviations.
    """

    iterations: int
    p50_ns: float
    p90_ns: float
    p99_ns: float
    min_ns: float
    wall_p50_ns: float
    wall_p99_ns: float
    first_ns: float
    load_ns: float
    peak_bytes: int
    machine_outliers: int
    model_outliers: int

    @classmethod
    def of(cls, times: Sequence[Times], first_ns: Sequence[int], costs: Sequence[Costs]) -> Latency:
        """Summarize the times of one side.

        Args:
            times: All that was timed after the warm-up.
            first_ns: The first inference of each process.
            costs: What each process cost.
        """
        wall = np.concatenate([part.wall_ns for part in times])
        own = np.concatenate([part.own_ns for part in times])
        waited = wall - own > DISTURBED * wall
        p50, p90, p99 = (float(value) for value in np.quantile(own, [0.5, 0.9, 0.99]))
        wall_p50, wall_p99 = (float(value) for value in np.quantile(wall, [0.5, 0.99]))
        return cls(
            iterations=len(own),
            p50_ns=p50,
            p90_ns=p90,
            p99_ns=p99,
            min_ns=float(own.min()),
            wall_p50_ns=wall_p50,
            wall_p99_ns=wall_p99,
            first_ns=float(np.median(first_ns)),
            load_ns=float(np.median([cost.load_ns for cost in costs])),
            peak_bytes=max(cost.peak_bytes for cost in costs),
            machine_outliers=int(waited.sum()),
            model_outliers=_outliers(own[~waited]),
        )


def _outliers(own: npt.NDArray[np.int64]) -> int:
    if len(own) == 0:
        return 0
    middle = np.median(own)
    spread = 1.4826 * np.median(np.abs(own - middle))
    return int((own > middle + _OUTLIER_DEVIATIONS * max(spread, 1.0)).sum())


@dataclass(frozen=True)
class LatencyRatio:
    """Candidate and baseline, side by side.

    Attributes:
        candidate: Times of the candidate.
        baseline: Times of the baseline.
        ratio: How much of the baseline's time the candidate takes; below 1 it is faster.
        low: Lower end of the confidence interval of the ratio.
        high: Upper end.
        confidence: Of the interval, all looks at the growing data together.
        limit: What the ratio was held to; None where only precision was wanted.
        verdict: ``pass`` or ``fail`` where the interval lies on one side of the limit, else
            ``inconclusive``; without a limit, whether the interval is narrow enough.
        rounds: Turns that each had.
        processes: Pairs of fresh worker processes.
        looks: How often the interval was looked at.
        warmup: Inferences that each new process needed before its times were steady, at most.
        stolen_ns: Time that the hypervisor took from the workers' CPUs meanwhile.
        seconds: Wall time of the comparison.
        host: The machine.
    """

    candidate: Latency
    baseline: Latency
    ratio: float
    low: float
    high: float
    confidence: float
    limit: float | None
    verdict: Verdict
    rounds: int
    processes: int
    looks: int
    warmup: int
    stolen_ns: int
    seconds: float
    host: Host

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain data."""
        return asdict(self)


def pinned_cpus(threads: int) -> list[int]:
    """Return the CPUs to pin a worker of ``threads`` threads to.

    They are the last ones, as interrupts favour the first. Candidate and baseline are given the same CPUs:
    only one of them works at a time, and the machine's cores are not all alike.
    """
    return usable_cpus()[-max(1, threads) :]
