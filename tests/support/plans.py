"""Plans of pipelines whose datasets are a few pictures: nothing is built, decoded or executed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.store.digest import digest_json
from edgecnn.core.store.entry import Entry
from edgecnn.pipeline.keys import step_key
from edgecnn.pipeline.loading import from_source, load_pipeline
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.planner.attempts import add_attempt
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.planner.recovery import rungs_of
from edgecnn.pipeline.step import Status, StepResult


def plan_document(document: dict[str, Any]) -> Plan:
    """Plan the content of a pipeline file; a name is not needed."""
    return make_plan(from_source(YamlSource({"name": "test", **document}, {}, "test")))


def plan_builtin(name: str, pictures: Path, boxes: Path, *overrides: str) -> Plan:
    """Plan a pipeline of ``pipelines/`` with other data.

    Args:
        name: Its name.
        pictures: A folder of one folder a class.
        boxes: A folder of images with boxes, for the detector.
        overrides: Dotted overrides.
    """
    data = [f"data.train={pictures}@train", f"data.eval={pictures}@held-out"]
    if name == "detector":
        data = [f"data.root={boxes}"]
    return make_plan(load_pipeline(name, (*data, *overrides)))


def add_every_rung(plan: Plan) -> None:
    """Add to a plan what a run adds that never meets its accuracy budgets."""
    for name, target in plan.pipeline.targets.items():
        for rung in rungs_of(plan, target)[1:]:
            plan.attempts[name].append(add_attempt(plan, target, rung))


def draw(plan: Plan, *, rows: str = "") -> list[str]:
    """Return a plan's steps, one a line, such as ``calibration <- images=prepare:train``.

    Args:
        plan: The plan.
        rows: Text that the id of a step must contain.
    """
    return [
        " ".join(
            [
                step.id,
                *(["<-"] if step.inputs or step.after else []),
                *(f"{name}={source}" for name, source in step.inputs.items()),
                *(f"after={source}" for source in step.after),
                *([f"gate={step.gate}"] if step.gate else []),
            ]
        )
        for step in plan.steps
        if rows in step.id
    ]


def keys(plan: Plan) -> dict[str, str]:
    """Return the key of every step by id, as if each step's outputs had the digest of its id."""
    results = {
        step.id: StepResult(
            step,
            Status.MADE,
            Entry(
                step.id, Path(step.id), digest_json(step.id), StepRecord(step=step.id, stage=step.stage.name)
            ),
        )
        for step in plan.steps
    }
    return {step.id: step_key(step, results) for step in plan.steps}
