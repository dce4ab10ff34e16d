"""Attempts at a target: the steps that make, prove and measure its file by one rung of the ladder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_runtime
from edgecnn.backends.targets import runtime_options
from edgecnn.devices.host import host
from edgecnn.pipeline.gates import Gate
from edgecnn.pipeline.plan import FIRST, Attempt
from edgecnn.pipeline.planner.recovery import network_of
from edgecnn.pipeline.stages.benchmark import BenchmarkParameters, benchmark_stage
from edgecnn.pipeline.stages.compile import CompileParameters, compile_stage
from edgecnn.pipeline.stages.count import COUNT, CountParameters
from edgecnn.pipeline.stages.evaluate import EvaluateParameters, evaluate_stage
from edgecnn.pipeline.stages.lower import LowerParameters, lower_stage
from edgecnn.pipeline.stages.quantize import (
    InspectParameters,
    QuantizeParameters,
    inspect_stage,
    quantize_stage,
)
from edgecnn.pipeline.stages.verify import VerifyParameters, verify_stage
from edgecnn.pipeline.step import AnyStep, Step

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import BenchmarkConfig
    from edgecnn.core.config.quantization import Rung
    from edgecnn.core.config.target import Target
    from edgecnn.pipeline.plan import Plan


def add_attempt(plan: Plan, target: Target, rung: Rung = FIRST) -> Attempt:
    """Add the steps of one attempt to a plan, with everything that they need."""
    attempt = Attempt(target, rung, network_of(plan, target, rung))
    # The network before any recovery is lowered too: the recovered one is compared with it and timed beside
    # it.
    for name, checkpoint in (
        (f"lower:{target.format}", plan.checkpoint),
        (attempt.float_file, attempt.network.checkpoint),
    ):
        plan.add(
            Step(name, lower_stage(target.format), LowerParameters(target.format), {"checkpoint": checkpoint})
        )
    own = [step for step in _own_steps(plan, attempt) if step is not None]
    for step in own:
        plan.add(step)
    return replace(attempt, steps=tuple(step.id for step in own))


def _own_steps(plan: Plan, attempt: Attempt) -> list[AnyStep | None]:
    spec, target = plan.pipeline.spec, attempt.target
    # The speed of a simulator says nothing about the simulated hardware.
    measured = spec.benchmark is not None and not find_runtime(target.runtime).simulates
    return [
        None if target.precision == "fp32" else _quantize(attempt),
        _inspect(attempt),
        None if target.compile is None else _compile(attempt),
        _verify(attempt),
        _evaluate(attempt) if plan.has_eval else None,
        _benchmark(plan, attempt) if measured else None,
        _count(attempt) if target.budgets.instructions else None,
    ]


def _quantize(attempt: Attempt) -> AnyStep:
    target, network = attempt.target, attempt.network
    options = network.options | target.quantize.options()
    parameters = QuantizeParameters(target.format, target.precision, target.isa, options)
    inputs = {"model": attempt.float_file}
    if target.precision == "int8":
        inputs["calibration"] = "calibration"
    if network.recovered or "float_layers" in options:
        inputs["network"] = network.checkpoint
    if network.layers is not None:
        inputs["layers"] = network.layers
    return Step(attempt.step("quantize"), quantize_stage(target.format), parameters, inputs, target.name)


def _inspect(attempt: Attempt) -> AnyStep:
    form = attempt.target.format
    inputs = {"model": attempt.model_file}
    return Step(
        attempt.step("inspect"), inspect_stage(form), InspectParameters(form), inputs, attempt.target.name
    )


def _compile(attempt: Attempt) -> AnyStep:
    parameters = CompileParameters.of(attempt.target)
    inputs = {"model": attempt.model_file}
    stage = compile_stage(parameters.compiler)
    return Step(attempt.step("compile"), stage, parameters, inputs, attempt.target.name)


def _verify(attempt: Attempt) -> AnyStep:
    target = attempt.target
    parameters = VerifyParameters(
        format=target.format,
        precision=target.precision,
        runtime=target.runtime,
        reference_runtime=target.reference_runtime or target.runtime,
        threads=target.threads,
        host_isa=host().isa,
        limits=target.verification.model_dump(exclude_none=True),
        options=runtime_options(target),
    )
    inputs = {
        "float": f"lower:{target.format}{attempt.network.truth_suffix}",
        "model": attempt.model_file,
        "probe": "probe",
        "reference": f"reference{attempt.network.truth_suffix}",
        "contract": "contract",
    }
    if target.verification.kernels_max_steps is not None:
        inputs["inspection"] = attempt.step("inspect")
    stage = verify_stage(target.runtime)
    return Step(attempt.step("verify"), stage, parameters, inputs, target.name, Gate.LINKS)


def _evaluate(attempt: Attempt) -> AnyStep:
    target = attempt.target
    parameters = EvaluateParameters(
        target.format, target.runtime, target.threads, host().isa, runtime_options(target)
    )
    inputs = {"model": attempt.model_file, "images": "prepare:eval"}
    after = (attempt.step("verify"),)
    stage = evaluate_stage(target.runtime)
    return Step(attempt.step("evaluate"), stage, parameters, inputs, target.name, after=after)


def _count(attempt: Attempt) -> AnyStep:
    target = attempt.target
    parameters = CountParameters(target.format, target.runtime, sorted(target.budgets.instructions or {}))
    inputs = {"model": attempt.model_file}
    after = (attempt.step("verify"),)
    return Step(attempt.step("count"), COUNT, parameters, inputs, target.name, after=after)


def _benchmark(plan: Plan, attempt: Attempt) -> AnyStep:
    settings, target = plan.pipeline.spec.benchmark, attempt.target
    assert settings is not None  # noqa: S101 - the caller checked; tells the type checker
    inputs = {"model": attempt.model_file, "baseline": f"lower:{target.format}"}
    after = (attempt.step("verify"),)
    stage = benchmark_stage(target.runtime)
    parameters = benchmark_parameters(target, settings)
    return Step(attempt.step("benchmark"), stage, parameters, inputs, target.name, after=after)


def benchmark_parameters(target: Target, settings: BenchmarkConfig) -> BenchmarkParameters:
    """Return the parameters for timing a target's file on this machine."""
    return BenchmarkParameters(
        format=target.format,
        runtime=target.runtime,
        threads=target.threads,
        seconds=settings.seconds,
        processes=settings.processes,
        cpu=host().cpu,
    )
