"""The planner: converts a pipeline into steps, each once even if several targets need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.errors import InputError, UsageError
from edgecnn.data.classes import difference
from edgecnn.models.registry import find_source
from edgecnn.pipeline.gates import Gate
from edgecnn.pipeline.plan import IMPORTED, Plan
from edgecnn.pipeline.planner.attempts import add_attempt
from edgecnn.pipeline.planner.input_digests import Dataset, network_content, open_dataset
from edgecnn.pipeline.planner.pruning import add_pruning, add_pruning_report, needs_training_images
from edgecnn.pipeline.planner.recovery import rungs_of
from edgecnn.pipeline.stages.calibrate import CALIBRATE, PROBE, SelectParameters
from edgecnn.pipeline.stages.imported import PHOTOS, ImportedParameters, imported_stage
from edgecnn.pipeline.stages.network import CONTRACT, ContractParameters, NetworkParameters, network_stage
from edgecnn.pipeline.stages.prepare import PREPARE, PrepareParameters
from edgecnn.pipeline.stages.reference import REFERENCE, ReferenceParameters
from edgecnn.pipeline.stages.train import TRAIN, TrainParameters
from edgecnn.pipeline.step import AnyStep, Step

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import Pipeline, PipelineSpec
    from edgecnn.data.base import ImageSource


def make_plan(pipeline: Pipeline) -> Plan:
    """Plan a pipeline. Datasets are opened, but no image is decoded and no network is built.

    Raises:
        EdgecnnError: A dataset or file is missing, or the pipeline cannot be executed.
    """
    spec = pipeline.spec
    data = spec.data
    pipeline.refuse_unknown_budgets(BUDGETS)
    train = None if data.train is None else open_dataset(data.train, data)
    evaluation = None if data.eval is None else open_dataset(data.eval, data)
    own = data.calibration.source
    calibration = train if own is None else open_dataset(own, data)
    _check(pipeline, train, evaluation, calibration)

    plan = Plan(pipeline, has_eval=evaluation is not None)
    if spec.train is not None or needs_training_images(pipeline) is not None:
        plan.labelled |= _labelled(train)
    plan.labelled |= _labelled(evaluation)
    plan.add(_network(spec, train))
    plan.add(Step("contract", CONTRACT, ContractParameters(), {"checkpoint": "network"}))
    _add_import(plan, calibration or evaluation or train)
    if train is not None and (
        spec.train is not None or own is None or needs_training_images(pipeline) is not None
    ):
        plan.add(_prepare("prepare:train", spec, train))
    if evaluation is not None:
        plan.add(_prepare("prepare:eval", spec, evaluation))
    if calibration is not None:
        source = "prepare:train"
        if own is not None:
            source = plan.add(_prepare("prepare:calibration", spec, calibration))
        chosen = SelectParameters(data.calibration.count, data.calibration.seed)
        plan.add(Step("calibration", CALIBRATE, chosen, {"images": source}))
    if spec.train is not None:
        plan.checkpoint = plan.add(_train(spec, has_eval=plan.has_eval))
    original = plan.checkpoint
    if spec.prune is not None:
        add_pruning(plan, spec.prune)
    _add_reference(plan, has_calibration=calibration is not None)
    if spec.prune is not None:
        add_pruning_report(plan, spec.prune, original)
    for name, target in pipeline.targets.items():
        plan.attempts[name] = [add_attempt(plan, target, rungs_of(plan, target)[0])]
    return plan


def _check(
    pipeline: Pipeline, train: Dataset | None, evaluation: Dataset | None, calibration: Dataset | None
) -> None:
    spec = pipeline.spec
    if spec.train is not None and train is None:
        raise UsageError(
            "the pipeline trains, but data.train names no dataset", hint="add data.train or data.root"
        )
    wanted = needs_training_images(pipeline)
    if wanted is not None and train is None:
        raise UsageError(
            f"{wanted} needs labelled images, but data.train names no dataset",
            hint="add data.train or data.root; prune.epochs 0 with importance l2 needs none",
        )
    if spec.prune is not None and train is None and calibration is None:
        raise UsageError(
            "pruning needs real images to estimate the statistics of batch norm on",
            hint="give data.train, or data.calibration.source",
        )
    int8 = [name for name, target in pipeline.targets.items() if target.precision == "int8"]
    if int8 and calibration is None:
        raise InputError(
            f"target {int8[0]} needs real images to estimate its int8 ranges on",
            hint="give --calibration CSV|DIR, or data.calibration.source in the pipeline",
        )
    if calibration is None and evaluation is None:
        raise InputError(
            "there are no images to verify the exported files on",
            hint="give --calibration or --data, or data.eval in the pipeline",
        )
    if train is None or evaluation is None:
        return
    differing = difference(train.classes, evaluation.classes)
    if differing is not None:
        raise InputError(
            f"{train.reference} and {evaluation.reference} have different classes: {differing}",
            hint="a classes.txt beside the images of both can name all classes, in the order of the outputs",
        )


def _network(spec: PipelineSpec, train: Dataset | None) -> AnyStep:
    trained = spec.train is not None and train is not None
    return Step(
        "network",
        network_stage(spec.model.name),
        NetworkParameters(
            reference=spec.model.name,
            arguments=spec.model.arguments,
            classes=list(train.classes) if trained and train is not None else None,
            contract=spec.preprocessing.changes(),
            pretrained=spec.model.pretrained,
            weights=spec.model.weights,
            content=network_content(spec.model),
            seed=spec.train.seed if spec.train is not None else 0,
        ),
    )


def _add_import(plan: Plan, dataset: Dataset | None) -> None:
    """Add the proof that a file was read as its own runtime reads it, on a few images of a dataset."""
    spec = plan.pipeline.spec
    reference = spec.model.name
    if dataset is None or not find_source(reference).executed_by:
        return
    few = PrepareParameters(dataset.reference, dataset.content, spec.data.bad_images, PHOTOS)
    images = plan.add(Step("prepare:import", PREPARE, few, {"contract": "contract"}))
    stage = imported_stage(reference)
    parameters = ImportedParameters(reference, network_content(spec.model), spec.model.arguments)
    plan.add(Step(IMPORTED, stage, parameters, {"checkpoint": "network", "images": images}, gate=Gate.LINKS))


def _labelled(dataset: Dataset | None) -> dict[str, ImageSource]:
    return {} if dataset is None else {dataset.reference: dataset.source}


def _prepare(step: str, spec: PipelineSpec, dataset: Dataset) -> AnyStep:
    parameters = PrepareParameters(dataset.reference, dataset.content, spec.data.bad_images, spec.data.limit)
    return Step(step, PREPARE, parameters, {"contract": "contract"})


def _train(spec: PipelineSpec, *, has_eval: bool) -> AnyStep:
    inputs = {"checkpoint": "network", "train": "prepare:train"}
    if has_eval:
        inputs["eval"] = "prepare:eval"
    assert spec.train is not None  # noqa: S101 - the caller checked; tells the type checker
    return Step("train", TRAIN, TrainParameters(spec.train), inputs)


def _add_reference(plan: Plan, *, has_calibration: bool) -> None:
    """Add PyTorch's outputs: for the probe (links 1 to 3) and for the evaluation set (link 4)."""
    images = "calibration" if has_calibration else "prepare:eval"
    probe = SelectParameters(plan.pipeline.spec.verification.images, seed=0)
    plan.add(Step("probe", PROBE, probe, {"images": images}))
    inputs = {"checkpoint": plan.checkpoint, "probe": "probe"}
    if plan.has_eval:
        inputs["eval"] = "prepare:eval"
    plan.add(Step("reference", REFERENCE, ReferenceParameters(), inputs))
