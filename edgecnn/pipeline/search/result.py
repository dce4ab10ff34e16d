"""Judge the outcomes of every combination, choose the winner, and write it as a pipeline of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from edgecnn.core.documents.search import SearchedTarget, SearchTrial
from edgecnn.core.documents.verdict import Verdict
from edgecnn.pipeline.search.halving import COSTS
from edgecnn.pipeline.search.outcome import cost, excess, is_over_budget, judge_accuracy, judge_costs, meets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.search import Combination, Outcome, Space
    from edgecnn.pipeline.search.derive import Content
    from edgecnn.pipeline.search.halving import Known

_OWN = ("accuracy ", "size ")
"""Budgets of the derived pipeline that repeat those of the search."""


@dataclass(frozen=True)
class MeasuredCombination:
    """A combination and its measurements.

    Attributes:
        combination: The combination.
        rung: The highest rung that it reached.
        costs: Its costs, measured before any training.
        outcome: The measurements at the highest rung.
        space: The space that it belongs to.
    """

    combination: Combination
    rung: int
    costs: Outcome
    outcome: Outcome
    space: Space

    @property
    def in_full(self) -> bool:
        """Return whether it was trained in full."""
        return self.rung == len(self.space.epochs)

    @property
    def meets(self) -> bool:
        """Return whether it was trained in full and meets every budget."""
        return self.in_full and meets(self.outcome, self.space.budgets)

    def results(self) -> list[BudgetResult]:
        """Return every judged budget, with the last measured size and latency, and accuracy if measured."""
        costs = judge_costs(self.outcome if self.in_full else self.costs, self.space.budgets)
        return costs if self.rung == COSTS else costs + judge_accuracy(self.outcome, self.space.budgets)

    def verdict(self) -> str:
        """Return the verdict in words."""
        if self.outcome.failed:
            return f"cannot be made: {self.outcome.failed}"
        results = self.results()
        missed = [str(result) for result in results if not result.passed]
        if self.rung == COSTS:
            over = is_over_budget(self.combination, self.costs, self.space.budgets)
            return "; ".join(missed) if over else "not trained"
        if not self.in_full:
            return "not promoted"
        if self.meets:
            return "meets every budget"
        own = [note for found in self.outcome.targets.values() for note in found.missed]
        unclear = [str(result) for result in results if result.verdict is Verdict.INCONCLUSIVE]
        return "; ".join([*missed, *(note for note in own if not note.startswith(_OWN)), *unclear])

    def trial(self) -> SearchTrial:
        """Return it as a document."""
        measured = self.outcome if self.in_full and not self.outcome.failed else self.costs
        accuracies = {name: found.accuracy for name, found in self.outcome.targets.items()}
        return SearchTrial(
            **dict(self.combination),
            rung=self.rung,
            epochs=0 if self.rung == COSTS else self.space.epochs[self.rung - 1],
            in_full=self.in_full,
            original=self.outcome.original,
            targets={
                name: SearchedTarget(
                    size_bytes=found.size,
                    latency=found.latency,
                    accuracy=accuracies.get(name),
                    drop=self.outcome.drop(name),
                )
                for name, found in measured.targets.items()
            },
            meets=self.meets,
            verdict=self.verdict(),
            seconds=self.outcome.seconds,
        )


def rank(known: Mapping[int, Known], space: Space) -> list[MeasuredCombination]:
    """Return every measured combination, those trained longest first, then those nearest to the budgets.

    Args:
        known: The measurements, by rung.
        space: The space.
    """
    found = []
    for combination, costs in known[COSTS].items():
        rung = max(rung for rung, outcomes in known.items() if combination in outcomes)
        found.append(MeasuredCombination(combination, rung, costs, known[rung][combination], space))
    return sorted(
        found, key=lambda item: (-item.rung, excess(item.outcome, item.results()), cost(item.costs))
    )


def cheapest(measured: Sequence[MeasuredCombination]) -> MeasuredCombination | None:
    """Return the winner: the cheapest combination that meets every budget."""
    met = [item for item in measured if item.meets]
    return min(met, key=lambda item: (cost(item.costs), item.combination.order), default=None)


def pipeline_text(content: Content, searched: str, winner: MeasuredCombination) -> str:
    """Return a winner as the text of a pipeline file, with its measurements in a comment."""
    lines = [f"# Found by `edgecnn search {searched}`: {winner.combination}.", "# Measured:"]
    lines += [f"#   {result}" for result in winner.results()]
    lines.append("# accuracy_drop and latency_ratio are against the network that was searched from.")
    return "\n".join(lines) + "\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
