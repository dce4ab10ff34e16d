"""Judgement of measured values against budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.budget import BudgetResult
from edgecnn.core.documents.metric import BUDGETS, INTEGER_MACS, find_metric
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError
from edgecnn.proof.verdict import judge_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.core.config.budgets import Budgets
    from edgecnn.core.config.target import Target
    from edgecnn.core.documents.measured import Measured

AGAINST_BASELINE = "baseline_latency_ratio"
"""A budget that only a comparison with an accepted baseline can judge."""


INTEGER_SHARE = 0.8
"""Smallest share of an int8 file's multiply-accumulates in integers; the first layers may stay in float."""


def binding_budgets(target: Target) -> Budgets:
    """Return a target's budgets with the limit that an int8 target always has.

    >>> from edgecnn.core.config.budgets import Budgets
    >>> from edgecnn.core.config.target import Target
    >>> made = Target(description="", format="onnx", precision="int8", runtime="onnxruntime")
    >>> binding_budgets(made).integer_macs
    0.8
    """
    budgets = target.budgets
    if target.precision != "int8" or budgets.integer_macs is not None:
        return budgets
    share = 1.0 if budgets.float_ops == 0 else INTEGER_SHARE
    return budgets.model_copy(update={INTEGER_MACS: share})


def judge(budgets: Budgets, measured: Measured) -> list[BudgetResult]:
    """Judge every given budget by its measured value; a value that was not measured misses its budget.

    Raises:
        UsageError: A budget binds the metric of a task that is not installed.

    >>> from edgecnn.core.config.budgets import Budgets
    >>> from edgecnn.core.documents.measured import Measured
    >>> [str(result) for result in judge(Budgets(size="1 kB", accuracy=0.9), Measured(size=1200))]
    ['size 1.2 kB (at most 1 kB)', 'accuracy not measured (at least 90.00 %)']
    """
    results = []
    for name in budgets.unknown(BUDGETS):
        raise UsageError(f"no task that is installed has the metric {name!r}, which a budget binds")
    for name, limit in budgets.given().items():
        interval = measured.latency_interval if name == "latency_ratio" else None
        if isinstance(limit, dict):
            found = measured.by(name)
            if name == "latency":
                results += [_judge_latency(limit[cpu], cpu, found) for cpu in limit]
            else:
                results += [judge_one(name, limit[device], found.get(device), device) for device in limit]
        elif name == AGAINST_BASELINE:
            note = "held against an accepted baseline by `check --baseline`"
            results.append(_result(name, limit, None, Verdict.INCONCLUSIVE, note=note))
        elif interval is not None:
            results.append(judge_ratio(limit, measured.value(name) or 0.0, interval))
        else:
            results.append(judge_one(name, limit, measured.value(name)))
    return results


def judge_one(name: str, limit: float, value: float | None, device: str | None = None) -> BudgetResult:
    """Judge one exact value; None, which means not measured, misses the limit."""
    met = value is not None and find_metric(name).holds(value, limit)
    return _result(name, limit, value, Verdict.PASS if met else Verdict.FAIL, device)


def judge_ratio(
    limit: float, ratio: float, interval: tuple[float, float], device: str | None = None
) -> BudgetResult:
    """Judge a ratio by its interval: a miss that noise may explain is not a miss."""
    low, high = interval
    note = f"interval {low:.3f} to {high:.3f}"
    return _result("latency_ratio", limit, ratio, judge_interval(low, high, limit), device, note)


def _judge_latency(limit: float, cpu: str, measured: Mapping[str, float]) -> BudgetResult:
    """Judge milliseconds against a limit that applies to one CPU only."""
    if measured and cpu not in measured:
        note = f"not judged on this machine: measured on {', '.join(measured)}, where it does not apply"
        return _result("latency", limit, None, Verdict.INCONCLUSIVE, cpu, note)
    return judge_one("latency", limit, measured.get(cpu), cpu)


def _result(
    name: str,
    limit: float,
    measured: float | None,
    verdict: Verdict,
    device: str | None = None,
    note: str = "",
) -> BudgetResult:
    return BudgetResult(name=name, limit=limit, measured=measured, verdict=verdict, device=device, note=note)
