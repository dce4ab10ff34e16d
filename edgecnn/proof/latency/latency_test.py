"""The paired latency test: rounds in new processes until the interval decides or time is up."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.documents.latency import Latency, LatencyRatio
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError
from edgecnn.devices.host import host
from edgecnn.proof.latency.bootstrap import trimmed_mean, trimmed_mean_interval
from edgecnn.proof.latency.interleaved_timing import Side, take_turns
from edgecnn.proof.latency.measurement import summarize
from edgecnn.proof.verdict import confidence_at, judge_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from edgecnn.devices.session import Session

    Open = Callable[[], Session]

_GROWTH = 1.5
_PRECISION = 0.03


@dataclass(frozen=True)
class Effort:
    """Extent of a measurement.

    Attributes:
        seconds: Time after which no further processes are started; their smallest number runs anyway.
        processes: Smallest number of pairs of new worker processes. The position of data in memory makes the
            same
        model faster in one process than in another (Mytkowicz et al., Producing wrong data without doing
        anything obviously wrong, ASPLOS 2009), so one pair proves nothing.
        turn_ms: Smallest length of a turn, in milliseconds.
        confidence: Confidence of the interval, over all looks at the growing data.
        seed: Seed of the order of turns and of the resampling.
    """

    seconds: float = 20.0
    processes: int = 2
    turn_ms: float = 10.0
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.processes < 1 or self.turn_ms <= 0 or not 0 < self.confidence < 1:
            raise UsageError(
                f"cannot measure with {self.processes} processes, {self.seconds:g} s, turns of "
                f"{self.turn_ms:g} ms and a confidence of {self.confidence:g}"
            )

    @property
    def pair_seconds(self) -> float:
        """Return the approximate time of measuring one pair of processes."""
        return min(1.5, self.seconds / (2 * self.processes))


def compare_latency(
    candidate: Open, baseline: Open, *, limit: float | None = None, effort: Effort | None = None
) -> LatencyRatio:
    """Time two models in turns and judge their ratio.

    A round is one turn of each model. Its value is the logarithm of the ratio of the two medians, from which
    waiting caused by the operating system is subtracted. The result is the trimmed mean over all rounds with
    a bootstrap interval over rounds, which are independent. Further pairs of processes follow while the
    interval does not decide and time remains; each look gets a share of the error rate.

    Args:
        candidate: Opens the candidate in a new worker, pinned to the same CPUs as the baseline's.
        baseline: Opens the baseline.
        limit: Largest ratio that passes; without one the comparison ends once the interval is 3 % wide.
        effort: Extent of the measurement.

    Raises:
        WorkerError: A worker crashed or hung.
    """
    effort = effort or Effort()
    started = time.monotonic()
    sides = (Side(), Side())
    random = np.random.default_rng(effort.seed)
    look, done, wanted = 0, 0, effort.processes
    while True:
        while done < wanted:
            with candidate() as one, baseline() as other:
                take_turns(
                    (one, other), sides, seconds=effort.pair_seconds, turn_ms=effort.turn_ms, random=random
                )
            done += 1
        look += 1
        values = log_ratios(sides)
        low, high, verdict = look_at(values, look, limit, effort)
        spent = time.monotonic() - started
        wanted = math.ceil(done * _GROWTH)
        if verdict is not Verdict.INCONCLUSIVE or spent * wanted / done > effort.seconds:
            break
    first, second = (summarize(side.times, side.first_ns, side.costs) for side in sides)
    return LatencyRatio(
        candidate=first,
        baseline=second,
        ratio=math.exp(trimmed_mean(values)),
        low=math.exp(low),
        high=math.exp(high),
        confidence=effort.confidence,
        limit=limit,
        verdict=verdict,
        rounds=len(values),
        processes=done,
        looks=look,
        warmup=max(count for side in sides for count in side.warmup),
        stolen_ns=sum(turn.stolen_ns for side in sides for turn in side.times),
        seconds=spent,
        host=host(),
    )


def measure_latency(model: Open, *, effort: Effort | None = None) -> Latency:
    """Time one model alone; the values depend on this machine and moment and do not suit comparisons.

    Raises:
        WorkerError: A worker crashed or hung.
    """
    effort = effort or Effort()
    side, random = Side(), np.random.default_rng(effort.seed)
    for _ in range(effort.processes):
        with model() as session:
            take_turns(
                (session,), (side,), seconds=effort.pair_seconds, turn_ms=effort.turn_ms, random=random
            )
    return summarize(side.times, side.first_ns, side.costs)


def log_ratios(sides: tuple[Side, Side]) -> npt.NDArray[np.float64]:
    """Return the logarithm of candidate over baseline for every round, ``[rounds]``."""
    medians = np.array([[side.median_ns(turn) for turn in range(len(side.times))] for side in sides])
    ratios: npt.NDArray[np.float64] = np.log(medians[0] / medians[1])
    return ratios


def look_at(
    values: npt.NDArray[np.float64], look: int, limit: float | None, effort: Effort
) -> tuple[float, float, Verdict]:
    """Return interval and verdict of all rounds so far.

    Args:
        values: Logarithm of the ratio of every round, ``[rounds]``.
        look: Number of this look at the data, from 1.
        limit: Largest ratio that passes; without one the interval passes once it is narrow.
        effort: Confidence and seed.

    Returns:
        Lower and upper end of the logarithm of the ratio, and the verdict.
    """
    low, high = trimmed_mean_interval(values, confidence_at(look, effort.confidence), seed=effort.seed)
    if limit is not None:
        return low, high, judge_interval(low, high, math.log(limit))
    return low, high, Verdict.PASS if high - low <= _PRECISION else Verdict.INCONCLUSIVE
