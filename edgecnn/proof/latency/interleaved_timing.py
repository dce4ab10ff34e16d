"""Alternating measurements of workers: a warm-up until times are steady, then timed rounds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.proof.latency.warmup import LEAST, settled_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.backends.worker.messages import SessionCosts
    from edgecnn.devices.session import Session, Times

_WARMUP_CHUNK_NS = 1e8
_MOST_ITERATIONS = 2_000
_LEAST_ROUNDS = 8
_MOST_ROUNDS = 48


@dataclass
class Side:
    """Measurements of one side, over all its processes.

    Attributes:
        times: Times of the turns, in order.
        first_ns: Time of each process's first inference.
        costs: Resources that each process used.
        warmup: Number of inferences until each process was steady.
    """

    times: list[Times] = field(default_factory=list)
    first_ns: list[int] = field(default_factory=list)
    costs: list[SessionCosts] = field(default_factory=list)
    warmup: list[int] = field(default_factory=list)

    def median_ns(self, turn: int) -> float:
        """Return the median time of one turn."""
        return float(np.median(self.times[turn].own_ns))


def take_turns(
    sessions: Sequence[Session],
    sides: Sequence[Side],
    *,
    seconds: float,
    turn_ms: float,
    random: np.random.Generator,
) -> None:
    """Warm new sessions up and time them in turns; results are appended to ``sides``.

    A turn is as short as possible, because a disturbance of one turn then most likely also affects the next.
    On a machine with other jobs, turns of one inference of 10 ms gave the ratio with four times the precision
    of turns of ten, in the same time. The order within a round is random, so that neither side gains from
    being first.

    Args:
        sessions: Newly opened sessions of candidate and baseline, or of one alone.
        sides: One per session.
        seconds: Approximate time of all turns together.
        turn_ms: Smallest length of a turn.
        random: Generator for the order.

    Raises:
        WorkerError: A worker crashed or hung.
    """
    one = [_warm_up(session, side, seconds) for session, side in zip(sessions, sides, strict=True)]
    counts = [int(np.clip(turn_ms * 1e6 / ns, 1, _MOST_ITERATIONS)) for ns in one]
    round_ns = sum(count * ns for count, ns in zip(counts, one, strict=True))
    rounds = int(np.clip(seconds * 1e9 / round_ns, _LEAST_ROUNDS, _MOST_ROUNDS))
    for _ in range(rounds):
        for index in random.permutation(len(sessions)):
            sides[index].times.append(sessions[index].time(counts[index]))
    for session, side in zip(sessions, sides, strict=True):
        side.costs.append(session.costs())


def _warm_up(session: Session, side: Side, seconds: float) -> float:
    """Run inferences until their times are steady or ``seconds`` have passed; return a late median."""
    deadline = time.monotonic() + seconds
    own = session.time(1).own_ns
    side.first_ns.append(int(own[0]))
    settled = None
    while settled is None:
        chunk = int(np.clip(_WARMUP_CHUNK_NS / own[-1], LEAST, _MOST_ITERATIONS))
        own = np.concatenate([own, session.time(chunk).own_ns])
        settled = settled_after(own)
        if time.monotonic() > deadline:
            break
    side.warmup.append(len(own) if settled is None else settled)
    return float(np.median(own[len(own) // 2 :]))
