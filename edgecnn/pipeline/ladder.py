"""The recovery ladder: climb while the accuracy budget is missed; the cheapest rung that meets it ships."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.core.documents.metric import find_metric
from edgecnn.pipeline.manifest_builder import Parts
from edgecnn.pipeline.planner.attempts import add_attempt
from edgecnn.pipeline.planner.recovery import (
    CONTROL_REFERENCE,
    is_held_to_accuracy,
    rungs_of,
)
from edgecnn.proof.budgets import judge_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.pipeline.plan import Attempt, Plan
    from edgecnn.pipeline.step import StepResult


@dataclass(frozen=True)
class RungResult:
    """What an attempt came to.

    Attributes:
        rung: Its rung.
        met: Whether the accuracy budgets are met and every link of the chain holds.
        value: Task metric in the shipping runtime; None where it was not measured.
        drop: Loss against fp32 PyTorch on the same images.
        agreement: Share of images with fp32's class.
        sqnr_db: Of the outputs in shipping execution against the float file.
        seconds: What the steps cost that no cheaper rung needs.
        control: For ``qat``, the task metric of the float fine-tuning of equal steps.
        note: Why nothing was measured.
    """

    rung: str
    met: bool
    value: float | None = None
    drop: float | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    seconds: float = 0.0
    control: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)


def climb(plan: Plan, results: Mapping[str, StepResult]) -> bool:
    """Add the next rung of every target that misses its accuracy budget; return whether there is one."""
    climbed = False
    for name, target in plan.pipeline.targets.items():
        attempts = plan.attempts[name]
        left = rungs_of(plan, target)[len(attempts) :]
        wanted = bool(left) and is_held_to_accuracy(target)
        if wanted and not judge_attempt(plan, attempts[-1], results).met:
            plan.attempts[name] = [*attempts, add_attempt(plan, target, left[0])]
            climbed = True
    return climbed


def choose_attempt(plan: Plan, name: str, results: Mapping[str, StepResult]) -> Attempt:
    """Return the attempt that stands for a target: the first to meet the budget, else the most accurate."""
    attempts = plan.attempts[name]
    judged = [(attempt, judge_attempt(plan, attempt, results)) for attempt in attempts]
    met = [attempt for attempt, result in judged if result.met]
    if met:
        return met[0]
    measured = [(result.value, attempt) for attempt, result in judged if result.value is not None]
    return max(measured, key=lambda pair: pair[0])[1] if measured else attempts[0]


def judge_ladder(plan: Plan, name: str, results: Mapping[str, StepResult]) -> list[RungResult]:
    """Return what every attempt at a target came to."""
    return [judge_attempt(plan, attempt, results) for attempt in plan.attempts[name]]


def judge_attempt(plan: Plan, attempt: Attempt, results: Mapping[str, StepResult]) -> RungResult:
    """Hold one attempt to the accuracy budgets of its target."""
    parts = Parts(plan, attempt, results)
    error = parts.error
    if error is not None:
        return RungResult(attempt.rung, met=False, note=error.message)
    links = parts.links()
    metrics = parts.metrics(links)
    measured = {"accuracy": metrics.get("value"), "accuracy_drop": metrics.get("drop")}
    measured |= {"unpruned_drop": metrics.get("unpruned_drop"), **parts.task_values(metrics)}
    budgets = attempt.target.budgets.given()
    held = [
        judge_one(name, limit, measured.get(name))
        for name, limit in budgets.items()
        if find_metric(name).recovers
    ]
    shipping = [link.metrics.get("shipping_sqnr_db") for link in links]
    return RungResult(
        attempt.rung,
        met=all(link.passed for link in links) and all(result.passed for result in held),
        value=metrics.get("value"),
        drop=metrics.get("drop"),
        agreement=metrics.get("agreement"),
        sqnr_db=next((float(value) for value in shipping if value is not None), None),
        seconds=parts.seconds(),
        control=parts.accuracy_of(CONTROL_REFERENCE) if attempt.rung == "qat" else None,
    )
