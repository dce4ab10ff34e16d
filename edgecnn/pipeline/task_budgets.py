"""Refusal of budgets on metrics of another task, as soon as the network is built and its task is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.metric import ACCURACY, find_metric
from edgecnn.core.errors import UsageError, together
from edgecnn.core.json_file import read_json
from edgecnn.core.task import TaskDescription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.pipeline.step import StepResult

CONTRACT_STEP = "contract"


def refuse_budgets_of_other_tasks(pipeline: Pipeline, results: Mapping[str, StepResult]) -> None:
    """Refuse budgets that no network of this task can be measured by, such as ``ap50`` of a classifier.

    Args:
        pipeline: The pipeline.
        results: Results that include the step that names the task; if it failed, nothing is refused.

    Raises:
        UsageError: There is such a budget; the message has file and line of each.
        DamagedEntry: The outputs of the step were changed since it made them.
    """
    entry = results[CONTRACT_STEP].entry
    if entry is None:
        return
    entry.check()
    kind = TaskDescription.model_validate(read_json(entry.outputs / "task.json")).kind
    errors = []
    for target, resolved in pipeline.targets.items():
        for name in resolved.budgets.given():
            task = find_metric(name).task
            if task and task != kind:
                place = pipeline.place_of_budget(target, name)
                where, key = pipeline.source.locate(place), ".".join(map(str, place))
                message = f"{where}: {key}: {name} is a metric of {task}, and the network's task is {kind}"
                errors.append(UsageError(message, hint=f"the budget on its own metric is {ACCURACY!r}"))
    if errors:
        raise together(errors)
