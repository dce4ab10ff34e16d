"""Observation of the tiny network in openvino: extremes, samples and outputs of every image."""

from pathlib import Path

import numpy as np

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.openvino.ir import read_model
from edgecnn.backends.openvino.observe import observe
from edgecnn.quantization.ranges import channel_name
from tests.support import tiny_models as tiny
from tests.support.stages import prepare_tiny


def test_extremes_of_tensors_and_of_channels_are_those_of_each_image(tmp_path: Path) -> None:
    graph = read_model(tiny.write_openvino(tmp_path / "model.xml"))
    images = Calibration(prepare_tiny(tmp_path / "images"), "NCHW")
    (name,) = [node.get_friendly_name() for node in graph.get_ops() if node.get_type_name() == "Convolution"]
    seen, truth = observe(graph, [name], images, channels={name: tiny.CLASSES}, sampled=True)
    want = tiny.expected(tiny.images())
    np.testing.assert_allclose([answer[0] for answer in truth], want, atol=1e-4)
    channels = [channel_name(name, at) for at in range(tiny.CLASSES)]
    assert sorted(seen.names) == sorted([name, *channels])
    place = seen.names.index(name)
    np.testing.assert_allclose(seen.low[:, place], want.min(axis=1), atol=1e-4)
    np.testing.assert_allclose(seen.high[:, place], want.max(axis=1), atol=1e-4)
    for at, channel in enumerate(channels):
        np.testing.assert_allclose(seen.high[:, seen.names.index(channel)], want[:, at], atol=1e-4)
    np.testing.assert_allclose(np.stack(seen.samples[name]), want, atol=1e-4)
    assert len(graph.outputs) == 1, "the graph is not changed"


def test_only_what_is_asked_for_is_observed(tmp_path: Path) -> None:
    graph = read_model(tiny.write_openvino(tmp_path / "model.xml"))
    seen, truth = observe(graph, ["input"], Calibration(prepare_tiny(tmp_path / "images", 2), "NCHW"))
    assert (seen.names, seen.samples, len(truth)) == (("input",), {}, 2)
