"""Latency of a candidate against a baseline, measured in turns so that both meet the same machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecnn.devices.host import Host, host, usable_cpus

if TYPE_CHECKING:
    from edgecnn.devices.session import Session

_RESAMPLES = 5_000
_WARMUP = 5
_MOST_ITERATIONS = 2_000


@dataclass(frozen=True)
class Latency:
    """Times of one inference, in nanoseconds.

    Attributes:
        iterations: How many were timed.
        p50_ns: Median.
        p90_ns: 90th percentile.
        min_ns: Shortest.
    """

    iterations: int
    p50_ns: float
    p90_ns: float
    min_ns: float

    @classmethod
    def of(cls, times: npt.NDArray[np.int64]) -> Latency:
        """Summarize times in nanoseconds, ``[N]``."""
        return cls(len(times), float(np.median(times)), float(np.quantile(times, 0.9)), float(times.min()))


@dataclass(frozen=True)
class LatencyRatio:
    """Candidate and baseline, side by side.

    Attributes:
        candidate: Times of the candidate.
        baseline: Times of the baseline.
        ratio: Median of the candidate over median of the baseline; below 1 the candidate is faster.
        low: Lower end of the confidence interval of the ratio.
        high: Upper end.
        confidence: Of the interval.
        rounds: Turns that each had.
        host: The machine.
    """

    candidate: Latency
    baseline: Latency
    ratio: float
    low: float
    high: float
    confidence: float
    rounds: int
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


def measure_latency(session: Session, *, seconds: float = 1.0) -> Latency:
    """Time one session alone; a number for this machine and moment, not for a comparison."""
    return Latency.of(session.time(_iterations(session, seconds)))


def compare_latency(
    candidate: Session,
    baseline: Session,
    *,
    rounds: int = 20,
    round_seconds: float = 0.1,
    confidence: float = 0.95,
    seed: int = 0,
) -> LatencyRatio:
    """Time two sessions in turns and return the ratio of their medians with a bootstrap interval.

    Args:
        candidate: Open in a worker of its own.
        baseline: Open in another, with the same CPUs and threads.
        rounds: Turns that each gets; the order changes every round.
        round_seconds: About how long a turn takes.
        confidence: Of the interval.
        seed: Of the resampling.

    Raises:
        WorkerError: A worker crashed or hung.
    """
    sessions = (candidate, baseline)
    counts = [_iterations(session, round_seconds) for session in sessions]
    times: tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]]] = ([], [])
    for turn in range(rounds):
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            times[side].append(sessions[side].time(counts[side]))
    medians = np.array([[np.median(part) for part in side] for side in times])
    low, high = _interval(medians, confidence, seed)
    first, second = (Latency.of(np.concatenate(side)) for side in times)
    return LatencyRatio(first, second, first.p50_ns / second.p50_ns, low, high, confidence, rounds, host())


def _iterations(session: Session, seconds: float) -> int:
    """Warm a session up and return how many inferences fill ``seconds``."""
    one = float(np.median(session.time(_WARMUP, warmup=_WARMUP)))
    return int(np.clip(seconds * 1e9 / max(one, 1.0), 1, _MOST_ITERATIONS))


def _interval(medians: npt.NDArray[np.float64], confidence: float, seed: int) -> tuple[float, float]:
    """Return the percentile interval of the ratio; rounds are resampled in pairs.

    Inferences within a round are not independent, and the two turns of a round met the same machine, so
    the pair of turns is what is drawn.

    Args:
        medians: ``[2, rounds]``: candidate, baseline.
        confidence: Of the interval.
        seed: Of the resampling.
    """
    rounds = medians.shape[1]
    drawn = np.random.default_rng(seed).integers(0, rounds, (_RESAMPLES, rounds))
    ratios = np.median(medians[0][drawn], axis=1) / np.median(medians[1][drawn], axis=1)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(ratios, [tail, 1.0 - tail])
    return float(low), float(high)
