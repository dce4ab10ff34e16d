"""A plan as the content of a file, which gives the same steps with the same keys on another machine.

A file names stages, gates, formats and runtimes; the reading side decides which code belongs to a name.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from edgecnn.core.config.pipeline import Pipeline, PipelineSpec
from edgecnn.core.config.quantization import Rung
from edgecnn.core.config.target import Target
from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.core.documents.arguments import to_plain
from edgecnn.core.documents.document import Document
from edgecnn.core.errors import InputError
from edgecnn.core.json_file import parse_json
from edgecnn.pipeline.gates import Gate
from edgecnn.pipeline.plan import Attempt, ExportedNetwork, Plan
from edgecnn.pipeline.stages.registry import read_stage
from edgecnn.pipeline.step import AnyStep, Step

MAX_CHARACTERS = 16 << 20
"""Largest length of a plan; the quickstart's plan with every rung has about 100,000 characters."""


class StepDocument(Document):
    """A step."""

    id: str
    """Name of the step in the plan."""

    stage: str
    """Name of its stage."""

    version: int
    """Version of the stage when the plan was made."""

    parameters: dict[str, Any]
    """Parameters of the stage, which checks them."""

    inputs: dict[str, str]
    """Ids of earlier steps by the names under which the stage reads their outputs."""

    target: str | None
    """The target that it belongs to; None if several targets need it."""

    gate: Gate | None
    """Check that its outputs must pass."""

    after: tuple[str, ...]
    """Ids of earlier steps that must have succeeded."""


class AttemptDocument(Document):
    """An attempt at a target."""

    target: str
    """Name of the target."""

    rung: Rung
    """Rung of the recovery ladder."""

    network: ExportedNetwork
    """The network that is exported."""

    steps: tuple[str, ...]
    """Ids of the steps that belong only to this attempt."""


class PlanDocument(Document):
    """A plan."""

    version: Literal[1] = 1
    """Version of this document."""

    pipeline: PipelineSpec
    """The pipeline that was planned."""

    targets: dict[str, Target]
    """Its targets, with the pipeline's changes and budgets applied."""

    steps: tuple[StepDocument, ...]
    """The steps; each comes after those that it reads."""

    checkpoint: str
    """Id of the step that makes the network that is exported."""

    has_eval: bool
    """Whether there is an evaluation set."""

    attempts: tuple[AttemptDocument, ...]
    """The attempts; those at one target are in the order of its rungs."""


def write_plan(plan: Plan) -> str:
    """Return a plan as JSON text."""
    content = PlanDocument(
        pipeline=plan.pipeline.spec,
        targets=plan.pipeline.targets,
        steps=tuple(_write_step(step) for step in plan.steps),
        checkpoint=plan.checkpoint,
        has_eval=plan.has_eval,
        attempts=tuple(
            AttemptDocument(target=name, rung=attempt.rung, network=attempt.network, steps=attempt.steps)
            for name, attempts in plan.attempts.items()
            for attempt in attempts
        ),
    )
    return json.dumps(content.to_json(), indent=1) + "\n"


def read_plan(text: str) -> Plan:
    """Return the plan of a text.

    Raises:
        InputError: The text is not a plan, is too long, or names an unknown stage, step or target.
        UsageError: It names a format, a runtime or a compiler that is not installed.
    """
    content = _parse(text)
    pipeline = Pipeline(content.pipeline, content.targets, YamlSource({}, {}, "the plan"))
    plan = Plan(pipeline, checkpoint=content.checkpoint, has_eval=content.has_eval)
    for written in content.steps:
        plan.add(_read_step(written, plan))
    for attempt in content.attempts:
        if attempt.target not in pipeline.targets:
            raise InputError(f"the plan has an attempt at {attempt.target!r}, which is no target of it")
        _require_steps(plan, (attempt.network.checkpoint, *attempt.steps), f"the attempt at {attempt.target}")
        target = pipeline.targets[attempt.target]
        plan.attempts.setdefault(attempt.target, []).append(
            Attempt(target, attempt.rung, attempt.network, attempt.steps)
        )
    _require_steps(plan, (plan.checkpoint,), "the plan")
    return plan


def _parse(text: str) -> PlanDocument:
    content = parse_json(text, "the text", what="a plan", most_bytes=MAX_CHARACTERS)
    return PlanDocument.from_json(content, "the plan")


def _write_step(step: AnyStep) -> StepDocument:
    return StepDocument(
        id=step.id,
        stage=step.stage.name,
        version=step.stage.version,
        parameters=to_plain(step.parameters),
        inputs=step.inputs,
        target=step.target,
        gate=step.gate,
        after=step.after,
    )


def _read_step(written: StepDocument, before: Plan) -> AnyStep:
    if written.id in before:
        raise InputError(f"the plan has two steps {written.id!r}")
    _require_steps(before, (*written.inputs.values(), *written.after), f"step {written.id!r}")
    stage, parameters = read_stage(written.stage, written.version, written.parameters)
    return Step(written.id, stage, parameters, written.inputs, written.target, written.gate, written.after)


def _require_steps(plan: Plan, names: tuple[str, ...], who: str) -> None:
    for name in names:
        if name not in plan:
            raise InputError(f"{who} needs step {name!r}, which does not come before it")
