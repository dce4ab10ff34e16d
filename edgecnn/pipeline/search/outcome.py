"""What became of a combination, and what budgets say of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from edgecnn.core.config.base import Schema
from edgecnn.core.documents.verdict import Verdict
from edgecnn.proof.budgets import judge_one, judge_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecnn.core.config.search import SearchBudgets
    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.pipeline.search.space import Combination

_LEAST_LIMIT = 1e-3  # an accuracy drop of 0 may be asked for
_ESTIMATE = 1.15
"""How far over budget a pruned network may seem that is not trained yet: training decides which channels go.
MobileNetV2 at 30 % took 0.41 of the latency with fresh weights and 0.46 with trained ones."""


class Ratio(Schema):
    """Latency as a multiple of the original network's float32 file."""

    ratio: float = Field(gt=0, allow_inf_nan=False)
    low: float = Field(gt=0, allow_inf_nan=False)
    high: float = Field(gt=0, allow_inf_nan=False)


class TargetOutcome(Schema):
    """What was measured on one target."""

    size: int | None = Field(default=None, gt=0)
    """Bytes of the model files; None where none was made."""

    latency: Ratio | None = None
    """None where the target has no latency, or no file was made."""

    accuracy: float | None = None
    """Task metric: of the shipping runtime, or of PyTorch in a training in part; None before any training."""

    missed: tuple[str, ...] = ()
    """Links of the verification chain and budgets of the pipeline itself that do not hold."""


class Outcome(Schema):
    """What one rung measured of a combination."""

    targets: dict[str, TargetOutcome] = Field(default_factory=dict)
    original: float | None = None
    """Task metric of the original network in fp32 after as many epochs; None before any training."""

    failed: str = ""
    """Why nothing was measured: what this combination asks for cannot be made."""

    seconds: float = 0.0
    """Wall time."""

    def drop(self, target: str) -> float | None:
        """Return the loss against the original network, negative for a gain."""
        accuracy = self.targets[target].accuracy
        if accuracy is None or self.original is None:
            return None
        return lowered(self.original, accuracy)


def lowered(metric: float, by: float) -> float:
    """Return a task metric less something, without the last binary digits.

    >>> 0.9015 - 0.8915, lowered(0.9015, 0.8915)
    (0.010000000000000009, 0.01)
    """
    return round(metric - by, 9)


def judge_costs(
    outcome: Outcome, budgets: dict[str, SearchBudgets], margin: float = 1.0
) -> list[BudgetResult]:
    """Hold size and latency to the budgets: they are known before any training.

    Args:
        outcome: What was measured.
        budgets: Limits by target.
        margin: What the limits are multiplied with, over 1 where an estimate is judged.
    """
    results = []
    for name, limits in budgets.items():
        found = outcome.targets.get(name)
        if limits.size is not None:
            size = None if found is None else found.size
            results.append(judge_one("size", limits.size * margin, size, name))
        if limits.latency_ratio is not None:
            latency = None if found is None else found.latency
            limit = limits.latency_ratio * margin
            results.append(
                judge_ratio(limit, latency.ratio, (latency.low, latency.high), name)
                if latency
                else judge_one("latency_ratio", limit, None, name)
            )
    return results


def judge_accuracy(outcome: Outcome, budgets: dict[str, SearchBudgets]) -> list[BudgetResult]:
    """Hold accuracy to the budgets."""
    return [
        judge_one(
            "accuracy_drop",
            limits.accuracy_drop,
            outcome.drop(name) if name in outcome.targets else None,
            name,
        )
        for name, limits in budgets.items()
    ]


def is_over_budget(combination: Combination, outcome: Outcome, budgets: dict[str, SearchBudgets]) -> bool:
    """Whether training is pointless: size or latency of the untrained network is over its budget.

    Of a pruned network both are estimates, so it must be over by more than they are off.
    """
    margin = 1.0 if combination.macs == 1.0 else _ESTIMATE
    return not outcome.failed and any(not result.passed for result in judge_costs(outcome, budgets, margin))


def meets(outcome: Outcome, budgets: dict[str, SearchBudgets]) -> bool:
    """Whether every budget is met beyond doubt, and every file of it would ship."""
    if outcome.failed or any(found.missed for found in outcome.targets.values()):
        return False
    results = judge_costs(outcome, budgets) + judge_accuracy(outcome, budgets)
    return all(result.verdict is Verdict.PASS for result in results)


def excess(outcome: Outcome, results: Iterable[BudgetResult]) -> float:
    """Return by how much budgets are exceeded: the sum of the excesses, each as a share of its limit.

    0 where all are met; infinite where one was not measured.
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
    """Return what is made least: the geometric mean of the latency ratios, then the bytes of all files."""
    ratios = [found.latency.ratio for found in outcome.targets.values() if found.latency is not None]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else 0.0
    return mean, sum(found.size or 0 for found in outcome.targets.values())
