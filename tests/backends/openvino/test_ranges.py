"""Ranges in int8 graphs: joined tensors share one, so that the plugin computes what the file says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.inspect import FLOAT32
from edgecnn.backends.openvino.ir import openvino, write_model
from edgecnn.backends.openvino.ranges import concatenations, write_ranges
from edgecnn.backends.openvino.reference import write_reference
from edgecnn.backends.openvino.weights import float_weights, replace_weights
from edgecnn.quantization.concat_ranges import Concatenation
from edgecnn.quantization.ranges import Range
from tests.backends.conftest import sqnr

RANGES = {"first": Range(0.0, 6.0), "second": Range(0.0, 2.5)}


def _quantized(value: openvino.Node) -> openvino.Node:
    low, high = np.float32(0), np.float32(1)
    return openvino.opset13.fake_quantize(value, low, high, low, high, levels=256)


def _graph() -> openvino.Model:
    """Return two convolutions whose outputs, one of them pooled, are joined and convolved."""
    opset, random = openvino.opset13, np.random.default_rng(0)
    pads = ([1, 1], [0, 0], [0, 0], [1, 1])

    def convolved(value: openvino.Node, channels: int, name: str) -> openvino.Node:
        weights = random.normal(scale=0.4, size=(channels, 8, 1, 1)).astype(np.float32)
        result = opset.relu(opset.convolution(value, weights, *pads))
        result.set_friendly_name(name)
        return _quantized(result)

    image = opset.parameter([1, 8, 8, 8], np.float32)
    image.set_friendly_name("image")
    entered = _quantized(image)
    first, second = convolved(entered, 4, "first"), convolved(entered, 4, "second")
    pooled = opset.max_pool(first, [1, 1], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    joined = opset.concat([pooled, second], axis=1)
    joined.set_friendly_name("joined")
    weights = random.normal(size=(3, 8, 3, 3)).astype(np.float32)
    graph = openvino.Model([opset.convolution(joined, weights, *pads)], [image])
    replace_weights(graph, float_weights(graph), {}, scheme="pairs-c")
    return graph


def _answer(file: Path, image: np.ndarray) -> np.ndarray:
    answer: np.ndarray = core().compile_model(str(file), "CPU", FLOAT32)([image])[0].copy()
    return answer


def test_joined_tensors_share_a_range_behind_pooling_too(tmp_path: Path) -> None:
    graph = _graph()
    assert concatenations(graph) == [Concatenation("joined", ("first", "second"))]
    write_ranges(graph, RANGES | {"image": Range(-3.0, 3.0)})
    tops = {
        operation.input_value(0).get_node().get_friendly_name(): float(
            operation.input_value(2).get_node().data.item()
        )
        for operation in graph.get_ops()
        if operation.get_type_name() == "FakeQuantize" and operation.input_value(2).get_node().data.size == 1
    }
    assert tops["first"] == tops["second"] == 6.0
    assert tops["image"] < 3.1
    file, reference = tmp_path / "int8.xml", tmp_path / "reference.xml"
    write_model(graph, file)
    write_reference(file, reference)
    image = np.random.default_rng(1).normal(size=(1, 8, 8, 8)).astype(np.float32)
    assert sqnr(_answer(reference, image), _answer(file, image)) > 40, "the plugin has a grid of its own"
