"""The planner: a pipeline becomes the steps that make it, each step once however many targets need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgecnn.devices.host import host
from edgecnn.errors import InputError, UsageError
from edgecnn.pipeline.content import Dataset, network_content, open_dataset
from edgecnn.pipeline.step import Step
from edgecnn.runtimes.registry import entry_of
from edgecnn.stages.benchmark import BENCHMARK, BenchmarkParameters
from edgecnn.stages.calibrate import CALIBRATE, PROBE, SelectParameters
from edgecnn.stages.compile import COMPILE, CompileParameters
from edgecnn.stages.evaluate import EVALUATE, EvaluateParameters
from edgecnn.stages.lower import LOWER, LowerParameters
from edgecnn.stages.network import CONTRACT, NETWORK, ContractParameters, NetworkParameters
from edgecnn.stages.prepare import PREPARE, PrepareParameters
from edgecnn.stages.quantize import INSPECT, QUANTIZE, InspectParameters, QuantizeParameters
from edgecnn.stages.reference import REFERENCE, ReferenceParameters
from edgecnn.stages.train import TRAIN, TrainParameters
from edgecnn.stages.verify import VERIFY, VerifyParameters, require_intact

if TYPE_CHECKING:
    from edgecnn.config.pipeline import Pipeline, PipelineSpec
    from edgecnn.config.target import Target
    from edgecnn.stages.base import Stage


@dataclass
class Plan:
    """The steps of a run.

    Attributes:
        pipeline: What it was planned from.
        steps: In their order: every step stands after those that it reads.
        checkpoint: Id of the step that makes the network that is exported.
        has_eval: Whether there is an evaluation set.
    """

    pipeline: Pipeline
    steps: list[Step] = field(default_factory=list)
    checkpoint: str = "network"
    has_eval: bool = False

    def add(self, step: Step) -> str:
        """Append a step and return its id; a step that is there already is not added again."""
        if all(known.id != step.id for known in self.steps):
            self.steps.append(step)
        return step.id


def make_plan(pipeline: Pipeline) -> Plan:
    """Plan a pipeline. Datasets are opened for it, but no image is decoded and no network is built.

    Raises:
        EdgecnnError: A dataset or file is missing, or the pipeline asks for what cannot be.
    """
    spec = pipeline.spec
    data = spec.data
    train = None if data.train is None else open_dataset(data.train, data)
    evaluation = None if data.eval is None else open_dataset(data.eval, data)
    own = data.calibration.source
    calibration = train if own is None else open_dataset(own, data)
    _check(pipeline, train, evaluation, calibration)

    plan = Plan(pipeline, has_eval=evaluation is not None)
    plan.add(_network(spec, train))
    plan.add(Step("contract", CONTRACT, ContractParameters(), {"checkpoint": "network"}))
    if train is not None and (spec.train is not None or own is None):
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
        plan.checkpoint = plan.add(_train(spec, has_eval=evaluation is not None))
    _add_reference(plan, has_calibration=calibration is not None)
    for target in pipeline.targets.values():
        _add_target(plan, target)
    return plan


def _check(
    pipeline: Pipeline, train: Dataset | None, evaluation: Dataset | None, calibration: Dataset | None
) -> None:
    spec = pipeline.spec
    if spec.train is not None and train is None:
        raise UsageError(
            "the pipeline trains, but data.train names no dataset", hint="add data.train, or take train out"
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
    if train is not None and evaluation is not None and train.classes != evaluation.classes:
        raise InputError(
            f"{train.reference} has {len(train.classes)} classes and {evaluation.reference} has "
            f"{len(evaluation.classes)}, or they are named differently"
        )


def _network(spec: PipelineSpec, train: Dataset | None) -> Step:
    trained = spec.train is not None and train is not None
    return Step(
        "network",
        NETWORK,
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


def _prepare(step: str, spec: PipelineSpec, dataset: Dataset) -> Step:
    parameters = PrepareParameters(dataset.reference, dataset.content, spec.data.bad_images, spec.data.limit)
    return Step(step, PREPARE, parameters, {"contract": "contract"})


def _train(spec: PipelineSpec, *, has_eval: bool) -> Step:
    inputs = {"checkpoint": "network", "train": "prepare:train"}
    if has_eval:
        inputs["eval"] = "prepare:eval"
    assert spec.train is not None  # noqa: S101 - the caller checked; tells the type checker
    return Step("train", TRAIN, TrainParameters(spec.train.model_dump(mode="json")), inputs)


def _add_reference(plan: Plan, *, has_calibration: bool) -> None:
    """Add what PyTorch says: of the probe images for links 1 to 3, and of the evaluation set for link 4."""
    images = "calibration" if has_calibration else "prepare:eval"
    probe = SelectParameters(plan.pipeline.spec.verification.images, seed=0)
    plan.add(Step("probe", PROBE, probe, {"images": images}))
    inputs = {"checkpoint": plan.checkpoint, "probe": "probe"}
    if plan.has_eval:
        inputs["eval"] = "prepare:eval"
    plan.add(Step("reference", REFERENCE, ReferenceParameters(), inputs))


def _add_target(plan: Plan, target: Target) -> None:
    lowered = plan.add(
        Step(
            f"lower:{target.format}",
            LOWER[target.format],
            LowerParameters(target.format),
            {"checkpoint": plan.checkpoint},
        )
    )
    model = lowered if target.precision == "fp32" else plan.add(_quantize(target, lowered))
    plan.add(
        Step(
            f"inspect:{target.name}",
            INSPECT[target.format],
            InspectParameters(target.format),
            {"model": model},
            target=target.name,
        )
    )
    if target.compile is not None:
        plan.add(_compile(target, model))
    verified = plan.add(_verify(target, lowered, model))
    if plan.has_eval:
        plan.add(_evaluate(target, model, verified))
    # How long a simulator takes says nothing of what it simulates.
    if plan.pipeline.spec.benchmark is not None and not entry_of(target.runtime).simulates:
        plan.add(_benchmark(plan.pipeline.spec, target, lowered, model, verified))


def _quantize(target: Target, lowered: str) -> Step:
    parameters = QuantizeParameters(target.format, target.precision, target.isa, target.quantize)
    inputs = {"model": lowered} | ({"calibration": "calibration"} if target.precision == "int8" else {})
    stage: Stage = QUANTIZE[target.format]
    return Step(f"quantize:{target.name}", stage, parameters, inputs, target=target.name)


def _compile(target: Target, model: str) -> Step:
    parameters = CompileParameters.of(target)
    return Step(f"compile:{target.name}", COMPILE, parameters, {"model": model}, target=target.name)


def _verify(target: Target, lowered: str, model: str) -> Step:
    parameters = VerifyParameters(
        format=target.format,
        precision=target.precision,
        runtime=target.runtime,
        reference_runtime=target.reference_runtime or target.runtime,
        threads=target.threads,
        host_isa=host().isa,
        limits=target.verification.model_dump(exclude_none=True),
    )
    inputs = {
        "float": lowered,
        "model": model,
        "probe": "probe",
        "reference": "reference",
        "contract": "contract",
    }
    return Step(
        f"verify:{target.name}", VERIFY[target.runtime], parameters, inputs, target.name, require_intact
    )


def _evaluate(target: Target, model: str, verified: str) -> Step:
    parameters = EvaluateParameters(target.format, target.runtime, target.threads, host().isa)
    inputs = {"model": model, "images": "prepare:eval"}
    return Step(
        f"evaluate:{target.name}",
        EVALUATE[target.runtime],
        parameters,
        inputs,
        target=target.name,
        after=(verified,),
    )


def _benchmark(spec: PipelineSpec, target: Target, lowered: str, model: str, verified: str) -> Step:
    assert spec.benchmark is not None  # noqa: S101 - the caller checked; tells the type checker
    parameters = BenchmarkParameters(
        format=target.format,
        runtime=target.runtime,
        threads=target.threads,
        rounds=spec.benchmark.rounds,
        milliseconds=spec.benchmark.milliseconds,
        cpu=host().cpu,
    )
    inputs = {"model": model, "baseline": lowered}
    return Step(
        f"benchmark:{target.name}",
        BENCHMARK[target.runtime],
        parameters,
        inputs,
        target=target.name,
        after=(verified,),
    )
