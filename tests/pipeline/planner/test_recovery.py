"""Which rungs a target climbs, and where it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.config.pipeline import from_source
from edgecnn.core.config.quantization import RUNGS
from edgecnn.core.config.yaml_source import Source
from edgecnn.pipeline.plan import Plan
from edgecnn.pipeline.planner.recovery import rungs_of

UNTRAINED = RUNGS[:-1]
WITHOUT_ENTRY = tuple(rung for rung in UNTRAINED if rung != "entry")


def _rungs(model: str, target: str, **changes: Any) -> tuple[str, ...]:
    document = {
        "name": "rungs",
        "model": {"name": model},
        "data": {"calibration": {"source": "photos"}},
        "targets": {target: changes},
    }
    pipeline = from_source(Source(document, {}, "test"))
    return rungs_of(Plan(pipeline), pipeline.targets[target])


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
