"""Budgets on the metric of another task."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import UsageError
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.task_budgets import CONTRACT_STEP, refuse_budgets_of_other_tasks
from tests.support.tiny_steps import finished, record_again

PIPELINE = """\
name: mine
model: {{name: "zoo:mobilenetv2"}}
data: {{eval: "{photos}"}}
targets: [onnx-fp32]
budgets:
  "*": {{accuracy: 1 %}}
  onnx-fp32: {{{budget}}}
"""


def refused(folder: Path, photos: Path, budget: str, task: str) -> str | None:
    """Return the error about a budget of a network with a task."""
    file = folder / "mine.yaml"
    file.write_text(PIPELINE.format(photos=photos, budget=budget))
    pipeline = load_pipeline(str(file))
    results = finished(make_plan(pipeline), folder / "steps")
    entry = results[CONTRACT_STEP].entry
    assert entry is not None
    (entry.outputs / "task.json").write_text(f'{{"kind": "{task}"}}')
    record_again(results, CONTRACT_STEP)
    try:
        refuse_budgets_of_other_tasks(pipeline, results)
    except UsageError as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("budget", "task"),
    [
        ("ap50: 50 %", "classification"),
        ("ap50_drop: 1 %", "classification"),
        ("class_floor: 50 %", "detection"),
    ],
)
def test_a_budget_on_another_tasks_metric_is_refused_with_its_line(
    budget: str, task: str, picture_folder: Path, tmp_path: Path
) -> None:
    said = refused(tmp_path, picture_folder, budget, task)
    assert said is not None
    assert f"mine.yaml:7: budgets.onnx-fp32.{budget.partition(':')[0]}" in said
    assert f"the network's task is {task}" in said


@pytest.mark.parametrize(
    ("budget", "task"), [("class_floor: 50 %", "classification"), ("ap50: 50 %", "detection")]
)
def test_a_budget_on_its_own_metric_is_none_of_another_task(
    budget: str, task: str, picture_folder: Path, tmp_path: Path
) -> None:
    assert refused(tmp_path, picture_folder, budget, task) is None
