"""The recovery ladder: it climbs while an accuracy budget is missed; the cheapest sufficient rung ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.ladder import RungResult
from edgecnn.core.documents.metric import INTEGER_MACS, find_metric
from edgecnn.pipeline.attempt_answers import AttemptAnswers
from edgecnn.pipeline.attempt_outputs import AttemptOutputs
from edgecnn.pipeline.planner.attempts import add_attempt
from edgecnn.pipeline.planner.recovery import (
    CONTROL_REFERENCE,
    is_held_to_accuracy,
    rungs_of,
)
from edgecnn.proof.budgets import binding_budgets, judge_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.pipeline.plan import Attempt, Plan
    from edgecnn.pipeline.step import StepResult


def climb(plan: Plan, name: str, results: Mapping[str, StepResult]) -> bool:
    """Add the next rung of a target if it misses its accuracy budget; return whether there was one.

    No rung is added where the float network itself misses a budget, because no quantization can meet it then.
    """
    target, attempts = plan.pipeline.targets[name], plan.attempts[name]
    left = rungs_of(plan, target)[len(attempts) :]
    if (
        not left
        or not is_held_to_accuracy(target)
        or judge_attempt(plan, attempts[-1], results).met
        or float_misses(plan, attempts[-1], results)
    ):
        return False
    plan.attempts[name] = [*attempts, add_attempt(plan, target, left[0])]
    return True


def choose_attempt(plan: Plan, name: str, results: Mapping[str, StepResult]) -> Attempt:
    """Return the attempt for a target: the first that meets the budget, or else the most accurate."""
    attempts = plan.attempts[name]
    judged = [(attempt, judge_attempt(plan, attempt, results)) for attempt in attempts]
    met = [attempt for attempt, result in judged if result.met]
    if met:
        return met[0]
    measured = [(result.value, attempt) for attempt, result in judged if result.value is not None]
    return max(measured, key=lambda pair: pair[0])[1] if measured else attempts[0]


def judge_ladder(plan: Plan, name: str, results: Mapping[str, StepResult]) -> list[RungResult]:
    """Return the results of all attempts at a target."""
    return [judge_attempt(plan, attempt, results) for attempt in plan.attempts[name]]


def float_misses(plan: Plan, attempt: Attempt, results: Mapping[str, StepResult]) -> list[BudgetResult]:
    """Return the budgets of an attempt's target that fp32 PyTorch itself misses on the same images."""
    outputs = AttemptOutputs(plan, attempt, results)
    done = [results.get(step) for step in (plan.checkpoint, "prepare:eval", "reference")]
    if any(result is None or not result.succeeded for result in done):
        return []
    reached = AttemptAnswers(outputs).float_values()
    judged = [
        judge_one(name, limit, reached[name])
        for name, limit in attempt.target.budgets.given().items()
        if name in reached and not isinstance(limit, dict)
    ]
    return [result for result in judged if not result.passed]


def judge_attempt(plan: Plan, attempt: Attempt, results: Mapping[str, StepResult]) -> RungResult:
    """Judge one attempt by the accuracy budgets of its target."""
    outputs = AttemptOutputs(plan, attempt, results)
    answers, error = AttemptAnswers(outputs), outputs.error
    if error is not None:
        return RungResult(rung=attempt.rung, met=False, note=error.message)
    links = answers.links()
    metrics = answers.metrics(links)
    measured = answers.task_values(metrics)
    budgets = attempt.target.budgets.given()
    held = [
        judge_one(name, limit, measured.get(name))
        for name, limit in budgets.items()
        if find_metric(name).recovers and not isinstance(limit, dict)
    ]
    integer = outputs.inspection().integer_share
    floor = binding_budgets(attempt.target).integer_macs
    if floor is not None:
        held.append(judge_one(INTEGER_MACS, floor, integer))
    shipping = [link.metrics.get("shipping_sqnr_db") for link in links]
    return RungResult(
        rung=attempt.rung,
        met=all(link.passed for link in links) and all(result.passed for result in held),
        value=metrics.value if metrics else None,
        drop=metrics.drop if metrics else None,
        agreement=metrics.agreement if metrics else None,
        sqnr_db=next((float(value) for value in shipping if value is not None), None),
        seconds=outputs.seconds(),
        control=answers.accuracy_of(CONTROL_REFERENCE) if attempt.rung == "qat" else None,
    )
