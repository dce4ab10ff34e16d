"""Refusal of datasets whose labels do not fit the network, before their images are decoded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.core.errors import EdgecnnError, InputError, together
from edgecnn.data.prepare import undecoded
from edgecnn.models.spec_file import read_spec
from edgecnn.pipeline.step import Status, StepResult
from edgecnn.pipeline.task_budgets import CONTRACT_STEP
from edgecnn.tasks.registry import BUILT_IN, task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.pipeline.plan import Plan

NETWORK_STEP = "network"


def with_checked_labels(plan: Plan, results: Mapping[str, StepResult]) -> dict[str, StepResult]:
    """Return results in which the network has failed if labels of the plan's datasets do not fit it.

    All steps read the network or its contract, so that none is executed then.

    Args:
        plan: The plan.
        results: Results of the steps that build the network and copy its contract.

    Raises:
        DamagedEntry: The outputs of the step were changed since it made them.
    """
    try:
        refuse_unfit_labels(plan, results)
    except InputError as error:
        failed = replace(results[NETWORK_STEP], status=Status.FAILED, error=error)
        skipped = StepResult(results[CONTRACT_STEP].step, Status.SKIPPED)
        return {**results, NETWORK_STEP: failed, CONTRACT_STEP: skipped}
    return dict(results)


def refuse_unfit_labels(plan: Plan, results: Mapping[str, StepResult]) -> None:
    """Let the network's task check the labels of the plan's datasets.

    The labels of images that may be left out are not checked yet. A task of another package is not asked: it
    may look at the pixels, which are not there.

    Args:
        plan: The plan.
        results: Results that include the step that builds the network; if it failed, nothing is refused.

    Raises:
        InputError: The labels of one or several datasets do not fit; the message has a line for each.
        DamagedEntry: The outputs of the step were changed since it made them.
    """
    entry = results[NETWORK_STEP].entry
    if entry is None or not plan.labelled:
        return
    entry.check()
    spec, data = read_spec(entry.outputs), plan.pipeline.spec.data
    if spec.task.kind not in BUILT_IN:
        return
    task, problems = task_of(spec.task), list[EdgecnnError]()
    limit = 0 if data.bad_images == "skip" else data.limit
    for reference, source in plan.labelled.items():
        try:
            task.check(undecoded(source, spec.contract, limit), len(spec.classes))
        except InputError as error:
            problems.append(InputError(f"{reference}: {error.message}", hint=error.hint))
    if problems:
        raise together(problems)
