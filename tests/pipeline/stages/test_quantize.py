"""Stages ``quantize`` and ``inspect``: what they write, on files of the tiny network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.backends.registry import formats
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.errors import InputError, UsageError
from edgecnn.pipeline.stages import quantize
from edgecnn.pipeline.stages.quantize import (
    INSPECTION,
    NOTES,
    InspectParameters,
    QuantizeParameters,
    quantize_stage,
)
from tests.support import tiny_models as tiny
from tests.support.stages import context, prepare_tiny


def parameters(**options: object) -> QuantizeParameters:
    return QuantizeParameters("onnx", "int8", "x86-64-avx512-vnni", options)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The outputs of the step that lowered the tiny network to ONNX."""
    (tmp_path / "model").mkdir()
    tiny.write_onnx(tmp_path / "model" / "model.onnx")
    return tmp_path / "model"


def test_a_file_is_quantized_and_the_result_inspected(model: Path, tmp_path: Path) -> None:
    images = prepare_tiny(tmp_path / "images").directory
    places = context(tmp_path / "quantize")
    quantize_stage("onnx").run({"model": model, "calibration": images}, parameters(), places)
    notes = json.loads((places.out / NOTES).read_text())
    assert notes["calibration"]["images"] == 12
    assert places.costs["quantize"]["wall_s"] > 0
    seen = context(tmp_path / "inspect")
    quantize.inspect({"model": places.out}, InspectParameters("onnx"), seen)
    found = Inspection.from_json(json.loads((seen.out / INSPECTION).read_text()), INSPECTION)
    assert (found.precision, found.float_op_names) == ("int8", ())
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((1, 3, 8, 8), (1, 5))


def test_without_calibration_images_int8_is_refused(model: Path, tmp_path: Path) -> None:
    places = context(tmp_path / "stage")
    with pytest.raises(InputError, match="int8 needs calibration images"):
        quantize_stage("onnx").run({"model": model}, parameters(), places)
    assert not (places.out / NOTES).exists()


def test_a_step_without_a_list_of_float_layers_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    inputs = {"model": model, "layers": tmp_path / "layers"}
    with pytest.raises(InputError, match=r"layers\.json"):
        quantize_stage("onnx").run(inputs, parameters(), context(tmp_path / "stage"))


def test_a_stage_depends_on_the_packages_of_its_format() -> None:
    for name, record in formats().items():
        stage = quantize_stage(name)
        assert set(record.quantize.distributions) <= set(stage.packages)
        assert stage.version == record.quantize.version
    with pytest.raises(UsageError, match="onxn"):
        quantize_stage("onxn")
