"""Judgement of a combination's measurements by the budgets of a search, and its cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.core.documents.search import TargetOutcome
from edgecnn.core.documents.verdict import Verdict
from edgecnn.proof.budgets import judge_one, judge_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecnn.core.config.search import SearchBudgets
    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.search import Combination, Outcome

_LEAST_LIMIT = 1e-3  # an accuracy drop of 0 is possible
_ESTIMATE = 1.15
"""A pruned network may exceed a budget by this factor before training, which decides the removed channels.
MobileNetV2 at 30 % took 0.41 of the latency with random weights and 0.46 with trained ones."""


def judge_costs(
    outcome: Outcome, budgets: dict[str, SearchBudgets], margin: float = 1.0
) -> list[BudgetResult]:
    """Judge size and latency, which are known before any training.

    Args:
        outcome: The measurements.
        budgets: Limits by target.
        margin: Factor of the limits, over 1 if estimates are judged.
    """
    results = []
    for name, limits in budgets.items():
        found = outcome.targets.get(name, TargetOutcome())
        if limits.size is not None:
            results.append(judge_one("size", limits.size * margin, found.size, name))
        if limits.latency_ratio is not None:
            limit, took = limits.latency_ratio * margin, found.latency
            if took is None:
                results.append(judge_one("latency_ratio", limit, None, name))
            else:
                results.append(judge_ratio(limit, took.ratio, (took.low, took.high), name))
    return results


def judge_accuracy(outcome: Outcome, budgets: dict[str, SearchBudgets]) -> list[BudgetResult]:
    """Judge accuracy by the budgets."""
    return [
        judge_one("accuracy_drop", limits.accuracy_drop, outcome.drop(name), name)
        for name, limits in budgets.items()
    ]


def is_over_budget(combination: Combination, outcome: Outcome, budgets: dict[str, SearchBudgets]) -> bool:
    """Return whether training is pointless: the untrained network's size or latency is over its budget.

    For a pruned network both are estimates, so they must exceed the budget by more than the margin.
    """
    margin = 1.0 if combination.macs == 1.0 else _ESTIMATE
    return not outcome.failed and any(not result.passed for result in judge_costs(outcome, budgets, margin))


def meets(outcome: Outcome, budgets: dict[str, SearchBudgets]) -> bool:
    """Return whether every budget is certainly met, and every file would ship."""
    if outcome.failed or any(found.missed for found in outcome.targets.values()):
        return False
    results = judge_costs(outcome, budgets) + judge_accuracy(outcome, budgets)
    return all(result.verdict is Verdict.PASS for result in results)


def excess(outcome: Outcome, results: Iterable[BudgetResult]) -> float:
    """Return the sum of the budgets' excesses, each as a share of its limit.

    It is 0 if all budgets are met, and infinite if a value was not measured.
    """
    if outcome.failed:
        return math.inf
    total = 0.0
    for result in results:
        if result.measured is None:
            return math.inf
        total += max(0.0, result.measured - result.limit) / max(result.limit, _LEAST_LIMIT)
    return total


def cost(outcome: Outcome) -> tuple[float, int]:
    """Return the cost that a search minimizes: the geometric mean of the latency ratios, then the bytes."""
    ratios = [found.latency.ratio for found in outcome.targets.values() if found.latency is not None]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else 0.0
    return mean, sum(found.size or 0 for found in outcome.targets.values())
