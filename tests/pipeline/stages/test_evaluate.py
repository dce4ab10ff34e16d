"""Stage ``evaluate``: the tiny network in a real worker."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.pipeline.stages.evaluate import RESULT, EvaluateParameters, evaluate_stage
from edgecnn.pipeline.stages.outputs import read_outputs
from tests.support import tiny_models as tiny
from tests.support.stages import context, prepare_tiny


def test_every_image_is_answered_in_the_shipping_runtime(tmp_path: Path) -> None:
    images = prepare_tiny(tmp_path / "images")
    (tmp_path / "model").mkdir()
    tiny.write_onnx(tmp_path / "model" / "model.onnx")
    places = context(tmp_path / "stage")
    stage = evaluate_stage("onnxruntime")
    parameters = EvaluateParameters("onnx", "onnxruntime", threads=1, host_isa="any", options={})
    stage.run({"images": images.directory, "model": tmp_path / "model"}, parameters, places)
    (outputs,) = read_outputs(places.out)
    np.testing.assert_allclose(outputs, tiny.expected(tiny.images()), atol=1e-4)
    result = json.loads((places.out / RESULT).read_text())
    assert (result["images"], result["runtime"]["execution"]) == (len(images), "shipping")
    assert min(result["seconds"], result["images_per_second"], result["peak_bytes"]) > 0


def test_an_unknown_runtime_has_no_stage() -> None:
    with pytest.raises(UsageError, match="onnxruntimes"):
        evaluate_stage("onnxruntimes")
