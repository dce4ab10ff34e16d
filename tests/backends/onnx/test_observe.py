"""Observation of the tiny network in onnx: extremes, samples and outputs of every image."""

from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.onnx.observe import observe
from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_file import read_model
from edgecnn.models.imported.onnx_graph import infer_shapes, link
from edgecnn.quantization.ranges import sample_places
from tests.support import tiny_models as tiny
from tests.support.stages import prepare_tiny


def test_extremes_samples_and_outputs_are_those_of_each_image(tmp_path: Path) -> None:
    file = tiny.write_onnx(tmp_path / "model.onnx")
    model = link(infer_shapes(read_model(file), file), file)
    images = Calibration(prepare_tiny(tmp_path / "images"), "NCHW")
    seen, truth = observe(model, file, images, sampled=True)
    want = tiny.expected(tiny.images())
    assert seen.names == ("input", "conv", "output")
    assert (len(seen), len(truth)) == (12, 12)
    np.testing.assert_allclose([answer[0] for answer in truth], want, atol=1e-4)
    for name in ("conv", "output"):
        place = seen.names.index(name)
        np.testing.assert_allclose(seen.low[:, place], want.min(axis=1), atol=1e-4)
        np.testing.assert_allclose(seen.high[:, place], want.max(axis=1), atol=1e-4)
    for image, low, high, sample in zip(
        images, seen.low[:, 0], seen.high[:, 0], seen.samples["input"], strict=True
    ):
        assert (low, high) == (image.min(), image.max())
        np.testing.assert_array_equal(sample, image.ravel()[sample_places(image.size)])
    assert [len(graph_output.shape or ()) for graph_output in model.graph.outputs] == [2], "the model is kept"


def test_without_samples_only_extremes_are_kept(tmp_path: Path) -> None:
    file = tiny.write_onnx(tmp_path / "model.onnx")
    model = link(infer_shapes(read_model(file), file), file)
    seen, _ = observe(model, file, Calibration(prepare_tiny(tmp_path / "images", 2), "NCHW"))
    assert seen.samples == {}


def test_a_value_that_is_not_finite_is_named(tmp_path: Path) -> None:
    file = tiny.write_onnx(tmp_path / "model.onnx")
    proto = read_model(file)
    proto.graph.initializer[0].raw_data = np.full((5, 3, 8, 8), np.inf, np.float32).tobytes()
    model = link(infer_shapes(proto, file), file)
    with pytest.raises(InputError, match="tensor conv holds values that are not finite"):
        observe(model, file, Calibration(prepare_tiny(tmp_path / "images", 2), "NCHW"))
