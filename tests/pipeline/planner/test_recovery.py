"""Tests of the rungs that a target climbs, and of its first rung."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.config.quantization import RUNGS
from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.pipeline.loading import from_source
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.planner.recovery import network_of, rungs_of
from edgecnn.quantization.kernels import EVERY_ACTIVATION, Kernels
from edgecnn.quantization.requests import EqualizeParameters

UNTRAINED = RUNGS[:-1]
WITHOUT_ENTRY = tuple(rung for rung in UNTRAINED if rung != "entry")


def _plan(model: str, **targets: dict[str, Any]) -> Plan:
    document = {
        "name": "rungs",
        "model": {"name": model},
        "data": {"calibration": {"source": "photos"}},
        "targets": {name.replace("_", "-"): changes for name, changes in targets.items()},
    }
    return Plan(from_source(YamlSource(document, {}, "test")))


def _rungs(model: str, target: str, **changes: Any) -> tuple[str, ...]:
    plan = _plan(model, **{target: changes})
    return rungs_of(plan, plan.pipeline.targets[target])


def test_integer_files_have_no_layers_in_float_at_their_entry() -> None:
    assert _rungs("zoo:mobilenetv2", "onnx-int8") == UNTRAINED
    assert _rungs("zoo:mobilenetv2", "tflite-int8") == WITHOUT_ENTRY
    assert _rungs("zoo:mobilenetv2", "onnx-fp32") == ("plain",)


@pytest.mark.parametrize(
    ("target", "first"), [("onnx-int8", "entry"), ("openvino-int8", "entry"), ("tflite-int8", "equalize")]
)
def test_an_onnx_file_that_nothing_is_measured_on_starts_higher(
    target: str, first: str, tmp_path: Path
) -> None:
    model = str(tmp_path / "net.onnx")
    assert _rungs(model, target)[0] == first
    assert _rungs(model, target, budgets={"accuracy_drop": "1 %"})[0] == "plain", "a budget is climbed to"
    assert _rungs(model, target, quantize={"method": "ranges"}) == ("ranges",)


def _equalized(isa: str) -> dict[str, Kernels]:
    """Return the kernels of the equalization steps of one target a format, by the step's id."""
    plan = _plan("zoo:mobilenetv2", onnx_int8={"isa": isa}, tflite_int8={}, openvino_int8={"isa": isa})
    for target in plan.pipeline.targets.values():
        network_of(plan, target, "equalize")
    found = {}
    for step in plan.steps:
        assert isinstance(step.parameters, EqualizeParameters)
        found[step.id] = step.parameters.kernels
    return found


def test_targets_share_the_steps_of_equal_kernels_and_no_others() -> None:
    assert list(_equalized("x86-64-avx2")) == [
        "equalize:pairs-hwc",
        "equalize:symmetric",
        "equalize:pairs-c-fused-channels",
    ]
    assert list(_equalized("arm64")) == ["equalize:symmetric", "equalize:symmetric-fused-channels"]


@pytest.mark.parametrize("isa", ["x86-64-avx512-vnni", "x86-64-avx-vnni", "arm64", "arm64-dotprod", "armv7"])
def test_where_nothing_saturates_openvino_is_simulated_as_openvino_all_the_same(isa: str) -> None:
    kernels = _equalized(isa)["equalize:symmetric-fused-channels"]
    assert kernels == Kernels("symmetric", fused=EVERY_ACTIVATION, channel_grids=True)
