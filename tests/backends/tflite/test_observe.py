"""Observation of the tiny network in tflite: extremes, samples and outputs of every image."""

from pathlib import Path

import numpy as np

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.tflite.observe import observe
from edgecnn.quantization.ranges import sample_places
from tests.support import tiny_models as tiny
from tests.support.stages import prepare_tiny


def test_extremes_samples_and_outputs_are_those_of_each_image(tmp_path: Path) -> None:
    file = tiny.write_tflite(tmp_path / "model.tflite", quantized=False)
    images = Calibration(prepare_tiny(tmp_path / "images"), "NHWC")
    seen, truth = observe(file, images, sampled=True)
    want = tiny.expected(tiny.images())
    assert sorted(seen.names) == ["conv", "input", "output"], "weights and bias are no computed tensors"
    np.testing.assert_allclose([answer[0] for answer in truth], want, atol=1e-4)
    for name in ("conv", "output"):
        place = seen.names.index(name)
        np.testing.assert_allclose(seen.low[:, place], want.min(axis=1), atol=1e-4)
        np.testing.assert_allclose(seen.high[:, place], want.max(axis=1), atol=1e-4)
    for image, sample in zip(images, seen.samples["input"], strict=True):
        np.testing.assert_array_equal(sample, image.ravel()[sample_places(image.size)])


def test_outputs_of_an_image_are_kept_when_the_next_one_runs(tmp_path: Path) -> None:
    """The interpreter writes every image's values to the same memory."""
    file = tiny.write_tflite(tmp_path / "model.tflite", quantized=False)
    images = Calibration(prepare_tiny(tmp_path / "images", 3), "NHWC")
    seen, truth = observe(file, images)
    assert seen.samples == {}
    assert len({answer[0].tobytes() for answer in truth}) == 3
