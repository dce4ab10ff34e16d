"""Tests of the steps of one attempt at a target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.pipeline.planner.attempts import add_attempt, benchmark_parameters
from edgecnn.pipeline.stages.benchmark import BenchmarkParameters
from tests.support.plans import draw, plan_document


def document(pictures: Path, target: str, **changes: Any) -> dict[str, Any]:
    """Return a pipeline that trains for one target."""
    return {
        "model": {"name": "zoo:mobilenetv2"},
        "data": {"root": str(pictures)},
        "train": {"epochs": 2},
        "targets": {target: changes},
    }


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        ("onnx-fp32", ["inspect", "verify", "evaluate", "benchmark"]),
        ("onnx-int8", ["quantize", "inspect", "verify", "evaluate", "benchmark"]),
        ("ethos-u55-128", ["quantize", "inspect", "compile", "verify", "evaluate"]),
    ],
)
def test_a_target_has_the_steps_that_its_file_needs(
    picture_folder: Path, target: str, steps: list[str]
) -> None:
    plan = plan_document(document(picture_folder, target))
    (attempt,) = plan.attempts[target]
    assert attempt.steps == tuple(f"{step}:{target}" for step in steps)


def test_nothing_is_measured_of_a_file_before_its_links_hold(picture_folder: Path) -> None:
    plan = plan_document(document(picture_folder, "onnx-int8"))
    for step in ("evaluate", "benchmark"):
        assert draw(plan, rows=f"{step}:")[0].endswith(" after=verify:onnx-int8")
    assert draw(plan, rows="verify:")[0].endswith(" gate=links")


def test_a_higher_rung_is_compared_with_the_network_before_it(picture_folder: Path) -> None:
    plan = plan_document(document(picture_folder, "onnx-int8"))
    before = len(plan.steps)
    attempt = add_attempt(plan, plan.pipeline.targets["onnx-int8"], "equalize")
    added = [step.id for step in plan.steps][before:]
    assert set(attempt.steps) < set(added), "the recovery and its lowering are new steps too"
    assert set(attempt.steps).isdisjoint(plan.attempts["onnx-int8"][0].steps)
    (benchmark,) = draw(plan, rows=attempt.step("benchmark"))
    assert " baseline=lower:onnx " in benchmark
    assert f" model={attempt.float_file} " in draw(plan, rows=attempt.step("quantize"))[0]
    assert draw(plan, rows=attempt.float_file) == [
        f"{attempt.float_file} <- checkpoint={attempt.network.checkpoint}"
    ]


def test_a_file_is_timed_as_its_target_says(picture_folder: Path) -> None:
    plan = plan_document(document(picture_folder, "onnx-int8", threads=3))
    target, settings = plan.pipeline.targets["onnx-int8"], plan.pipeline.spec.benchmark
    assert settings is not None
    parameters = benchmark_parameters(target, settings)
    step = next(step for step in plan.steps if step.id == "benchmark:onnx-int8")
    assert isinstance(step.parameters, BenchmarkParameters)
    assert step.parameters == parameters
    assert (parameters.threads, parameters.seconds) == (3, settings.seconds)
