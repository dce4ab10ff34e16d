"""The steps of a pipeline's ``prune`` section: alternating pruning and training, and the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_runtime
from edgecnn.core.errors import UsageError
from edgecnn.devices.host import host
from edgecnn.pipeline.keys import package_versions
from edgecnn.pipeline.stages.benchmark import BenchmarkParameters
from edgecnn.pipeline.stages.calibrate import PROBE, SelectParameters
from edgecnn.pipeline.stages.finetune import FINETUNE, FinetuneParameters
from edgecnn.pipeline.stages.prune import PRUNE, PRUNE_SENSITIVITY, PruneParameters, SensitivityParameters
from edgecnn.pipeline.stages.prune_measured import MeasuredParameters, measured_stage
from edgecnn.pipeline.stages.pruned import PRUNED, PrunedParameters
from edgecnn.pipeline.stages.quantize import QuantizeParameters
from edgecnn.pipeline.stages.reference import REFERENCE, ReferenceParameters
from edgecnn.pipeline.step import AnyStep, Step

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.core.config.pruning import PruneSettings
    from edgecnn.pipeline.plan import Plan

IMAGES = "prune-images"
SENSITIVITY = "prune-sensitivity"
CONTROL = "prune-control"
PRUNED_STEP = "pruned"
_ORIGIN = "pruned and trained on by this pipeline"
_CONTROL_ORIGIN = "trained on unpruned by this pipeline, as the control of its pruning"


def needs_training_images(pipeline: Pipeline) -> str | None:
    """Return the setting of the ``prune`` section that needs labelled images to learn from, or None."""
    settings = pipeline.spec.prune
    if settings is None:
        return None
    if settings.epochs:
        return f"prune.epochs {settings.epochs}"
    if settings.importance == "taylor":
        return "prune.importance taylor"
    return "prune's sensitivity" if _is_curved(settings) else None


def add_pruning(plan: Plan, settings: PruneSettings) -> None:
    """Add the prunings and the trainings between and after them, which give the plan's new network.

    Raises:
        UsageError: The settings do not fit the targets.
    """
    multiple = channel_multiple(plan.pipeline, settings)
    original = plan.checkpoint
    source = "prepare:train" if "prepare:train" in plan else "calibration"
    plan.add(Step(IMAGES, PROBE, SelectParameters(settings.images, seed=0), {"images": source}))
    if _is_curved(settings):
        inputs = {"checkpoint": original, "images": IMAGES}
        plan.add(Step(SENSITIVITY, PRUNE_SENSITIVITY, SensitivityParameters(settings.importance), inputs))
    for number in range(1, settings.steps + 1):
        inputs = {"checkpoint": plan.checkpoint, "original": original, "images": IMAGES}
        if settings.scope == "sensitivity":
            inputs["curves"] = SENSITIVITY
        part = number / settings.steps
        plan.checkpoint = plan.add(
            _prune(plan, settings, multiple, part, inputs, _numbered("prune", number, settings))
        )
        if settings.epochs:
            step = _finetune(plan, settings, _numbered("finetune", number, settings), original, number)
            plan.checkpoint = plan.add(step)
    if settings.control:
        plan.add(_control(plan, settings, original))


def add_pruning_report(plan: Plan, settings: PruneSettings, original: str) -> None:
    """Add PyTorch's outputs of the networks at each stage of pruning, and the step of the report.

    Args:
        plan: The plan, with the prunings, the probe and the reference.
        settings: The section.
        original: Id of the step that makes the unpruned network.
    """
    last = _numbered("prune", settings.steps, settings)
    inputs = {"last": last} | ({"curves": SENSITIVITY} if _is_curved(settings) else {})
    if plan.has_eval:
        networks = {"unpruned": original}
        if settings.epochs:
            networks["pruned"] = last
        if settings.control:
            networks["control"] = CONTROL
        for name, checkpoint in networks.items():
            read = {"checkpoint": checkpoint, "probe": "probe", "eval": "prepare:eval"}
            inputs[name] = plan.add(Step(f"reference@{name}", REFERENCE, ReferenceParameters(), read))
        inputs |= {"eval": "prepare:eval", "finetuned" if settings.epochs else "pruned": "reference"}
    goal = {settings.goal: settings.model_dump(mode="json")[settings.goal]}
    parameters = PrunedParameters(goal, settings.steps, settings.epochs)
    plan.add(Step(PRUNED_STEP, PRUNED, parameters, inputs))


def channel_multiple(pipeline: Pipeline, settings: PruneSettings) -> int:
    """Return the number whose multiples are allowed as widths: those efficient on every target.

    Raises:
        UsageError: The section's own number is not a multiple of a target's.
    """
    targets = pipeline.targets.values()
    if settings.multiple is None:
        return math.lcm(*(target.channel_multiple for target in targets))
    for target in targets:
        if settings.multiple != 1 and settings.multiple % target.channel_multiple:
            raise UsageError(
                f"prune.multiple {settings.multiple} is not a multiple of {target.channel_multiple}, "
                f"in which target {target.name} computes channels",
                hint=f"use {math.lcm(settings.multiple, target.channel_multiple)}, leave it out, "
                "or use 1 to let layers keep any number",
            )
    return settings.multiple


def _prune(
    plan: Plan, settings: PruneSettings, multiple: int, part: float, inputs: dict[str, str], step: str
) -> AnyStep:
    """Return a pruning that goes a part of the way."""
    if settings.goal in ("macs", "params"):
        share: float = getattr(settings, settings.goal)
        parameters = PruneParameters(
            metric="macs" if settings.goal == "macs" else "params",
            limit=1.0 - part * (1.0 - share),
            importance=settings.importance,
            scope=settings.scope,
            multiple=multiple,
        )
        return Step(step, PRUNE, parameters, inputs)
    measured = _measured(plan.pipeline, settings, multiple, part)
    if measured.file.precision == "int8":
        inputs["calibration"] = "calibration"
    stage = measured_stage(measured)
    package_versions(stage)  # missing packages are reported before hours of training
    return Step(step, stage, measured, inputs)


def _measured(pipeline: Pipeline, settings: PruneSettings, multiple: int, part: float) -> MeasuredParameters:
    """Return the parameters for measuring a size or a latency.

    Raises:
        UsageError: The target is not in this pipeline, or its latency cannot be measured here.
    """
    name = settings.goal_target or next(iter(pipeline.targets))
    if name not in pipeline.targets:
        raise UsageError(
            f"prune.{settings.goal}.target {name!r} is no target of this pipeline",
            hint=f"its targets: {', '.join(pipeline.targets)}",
        )
    target = pipeline.targets[name]
    timing = None
    if settings.latency is not None:
        if find_runtime(target.runtime).simulates:
            raise UsageError(
                f"prune.latency: {target.runtime} only simulates {name}, and its speed says nothing",
                hint="prune to macs, or to the latency of a target that runs here",
            )
        timing = BenchmarkParameters(
            format=target.format,
            runtime=target.runtime,
            threads=target.threads,
            seconds=settings.latency.seconds,
            processes=2,
            cpu=host().cpu,
        )
    return MeasuredParameters(
        goal="size" if settings.latency is None else "latency",
        limit=settings.latency.ratio if settings.latency is not None else _size(settings),
        part=part,
        target=name,
        file=QuantizeParameters(target.format, target.precision, target.isa, target.quantize.options()),
        timing=timing,
        importance=settings.importance,
        scope=settings.scope,
        multiple=multiple,
    )


def _size(settings: PruneSettings) -> float:
    assert settings.size is not None  # noqa: S101 - exactly one goal is given; tells the type checker
    return float(settings.size.limit)


def _finetune(plan: Plan, settings: PruneSettings, step: str, teacher: str, number: int) -> AnyStep:
    inputs = {"checkpoint": plan.checkpoint, "train": "prepare:train"} | _evaluated(plan)
    if settings.distill is not None:
        inputs["teacher"] = teacher
    return Step(step, FINETUNE, _training(plan, settings, settings.window(number), _ORIGIN), inputs)


def _control(plan: Plan, settings: PruneSettings, original: str) -> AnyStep:
    """Return the same training of the unpruned network, with the same teacher, for comparison."""
    inputs = {"checkpoint": original, "train": "prepare:train"} | _evaluated(plan)
    if settings.distill is not None:
        inputs["teacher"] = original
    parameters = _training(plan, settings, (0, settings.epochs), _CONTROL_ORIGIN)
    return Step(CONTROL, FINETUNE, parameters, inputs)


def _training(
    plan: Plan, settings: PruneSettings, window: tuple[int, int], origin: str
) -> FinetuneParameters:
    training = settings.training(plan.pipeline.spec.train)
    return FinetuneParameters(training, settings.distill, window, origin)


def _evaluated(plan: Plan) -> dict[str, str]:
    return {"eval": "prepare:eval"} if plan.has_eval else {}


def _is_curved(settings: PruneSettings) -> bool:
    """Return whether accuracy against the pruned share is measured."""
    return settings.sensitivity or settings.scope == "sensitivity"


def _numbered(name: str, number: int, settings: PruneSettings) -> str:
    return name if settings.steps == 1 else f"{name}:{number}"
