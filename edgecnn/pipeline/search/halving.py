"""Successive halving for the cheapest combination that meets the budgets.

Successive halving (Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter
optimization, AISTATS 2016) trains all combinations a little and the promising ones longer. Three things
differ from Optuna's ``SuccessiveHalvingPruner``:

* Combinations are ranked by whether they keep the budgets, then by cost (the feasibility rule of Deb, An
  efficient constraint handling method for genetic algorithms, 2000); by accuracy the largest always wins.
* Size and latency are measured before any training, and a combination that misses them is never trained.
* A rung is complete before any combination is promoted, so that neither the order of work nor an interruption
  changes the winner. If none of the promoted meets the budgets, the next best of the rung below follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from edgecnn.core.documents.search import Combination, Outcome, Space
from edgecnn.pipeline.search.outcome import cost, excess, is_over_budget, judge_accuracy, meets

Known = Mapping[Combination, Outcome]
Wanted = Callable[[Known], Sequence[Combination]]

COSTS = 0
"""The rung before any training, which measures costs; rung ``n`` is the ``n``-th training length."""


class Bench(Protocol):
    """Measures combinations, and remembers their outcomes."""

    def complete(self, rung: int, wanted: Wanted) -> Known:
        """Measure the wanted combinations of a rung, in order, until none is left; return all outcomes."""


@dataclass
class Halving:
    """One search of a space; the bench measures the combinations."""

    space: Space
    bench: Bench
    _missed: list[Combination] = field(default_factory=list)
    """Combinations that were trained in full and lost too much accuracy."""

    def run(self) -> None:
        """Measure until the cheapest combination that meets every budget is known, or there is none."""
        last = len(self.space.epochs)
        for chunk in self._promoted(last):
            known = self.bench.complete(last, partial(self._until_met, chunk))
            if any(self._meets(known[item]) for item in chunk if item in known):
                return
            self._missed += [item for item in chunk if _missed(known[item], self.space)]

    def affordable(self, known: Known) -> list[Combination]:
        """Return the combinations whose size and latency are within their budgets, the cheapest first.

        A combination that is nowhere smaller than one over its budget counts as over it, measured or not, so
        that the order of measuring decides nothing.
        """
        within = self._within_budget(known, list(known))
        return _cheapest_first([item for item in within if not known[item].failed], known)

    def _promoted(self, rung: int) -> Iterator[list[Combination]]:
        """Yield the combinations to train at a rung in parts, the most promising part first."""
        costs = self.bench.complete(COSTS, self._unmeasured)
        if rung == 1:
            affordable = self.affordable(costs)
            yield from [affordable] if affordable else []
            return
        for chunk in self._promoted(rung - 1):
            known = self.bench.complete(rung - 1, partial(_unknown, chunk))
            ranked = sorted(_cheapest_first(chunk, costs), key=lambda item: self._excess(known[item]))
            count = math.ceil(len(ranked) / self.space.factor)
            for start in range(0, len(ranked), count):
                part = ranked[start : start + count]
                # One that is nowhere larger than one that lost too much accuracy in full is hopeless.
                hopeful = [item for item in part if not any(item.within(other) for other in self._missed)]
                yield _cheapest_first(hopeful, costs)

    def _unmeasured(self, known: Known) -> list[Combination]:
        return _unknown(self._within_budget(known, self.space.combinations()), known)

    def _within_budget(self, known: Known, items: Sequence[Combination]) -> list[Combination]:
        """Leave out each that is nowhere smaller than a combination that is over its budget beyond doubt."""
        over = [item for item, outcome in known.items() if is_over_budget(item, outcome, self.space.budgets)]
        return [item for item in items if not any(other.within(item) for other in over)]

    def _until_met(self, chunk: Sequence[Combination], known: Known) -> list[Combination]:
        """Return the unknown combinations that are cheaper than the first that meets the budgets."""
        ahead = []
        for item in chunk:
            if item not in known:
                ahead.append(item)
            elif self._meets(known[item]):
                break
        return ahead

    def _meets(self, outcome: Outcome) -> bool:
        return meets(outcome, self.space.budgets)

    def _excess(self, outcome: Outcome) -> float:
        return excess(outcome, judge_accuracy(outcome, self.space.budgets))


def _cheapest_first(items: Sequence[Combination], costs: Known) -> list[Combination]:
    return sorted(items, key=lambda item: (cost(costs[item]), item.order))


def _unknown(chunk: Sequence[Combination], known: Known) -> list[Combination]:
    return [item for item in chunk if item not in known]


def _missed(outcome: Outcome, space: Space) -> bool:
    return not outcome.failed and not all(result.passed for result in judge_accuracy(outcome, space.budgets))
