"""Break one layer of a network on purpose: its weights in the float file, or a range in the quantizer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.backends.formats import load_format
from edgecnn.backends.recovered import Recovered
from edgecnn.quantization.ranges import Range

Change = Callable[[np.ndarray], np.ndarray]
"""Takes weights ``[O, ...]`` and returns others of the same shape."""


def scale_channel(channel: int, factor: float) -> Change:
    def change(weights: np.ndarray) -> np.ndarray:
        weights = weights.copy()
        weights[channel] *= factor
        return weights

    return change


def all_alike(weights: np.ndarray) -> np.ndarray:
    """Make all weights of a layer positive and of about one size: every pair of products adds up."""
    random = np.random.default_rng(0)
    size = float(np.abs(weights).mean())
    return (size * random.uniform(0.9, 1.0, weights.shape)).astype(np.float32)


def steep(weights: np.ndarray) -> np.ndarray:
    """Make a layer's outputs so large that a ReLU6 behind it gives 0 or 6, hardly anything between."""
    return 50 * weights


def with_weights(name: str, model: Path, layer: str, change: Change, out: Path) -> Path:
    """Write a copy of a float file in which one layer, a plain convolution, has other weights."""
    return {"onnx": _onnx, "tflite": _tflite, "openvino": _openvino}[name](model, layer, change, out)


def _onnx(model: Path, layer: str, change: Change, out: Path) -> Path:
    import onnx

    graph = onnx.load(model)
    node = next(node for node in graph.graph.node if node.name == layer)
    weights = next(tensor for tensor in graph.graph.initializer if tensor.name == node.input[1])
    weights.CopyFrom(onnx.numpy_helper.from_array(change(onnx.numpy_helper.to_array(weights)), weights.name))
    onnx.save(graph, out / model.name)
    return out / model.name


def _tflite(model: Path, layer: str, change: Change, out: Path) -> Path:
    from edgecnn.backends.tflite.flatbuffer import read_model, write_model

    content = read_model(model)
    graph = content.subgraphs[0]
    operator = next(item for item in graph.operators if graph.tensors[item.outputs[0]].name == layer.encode())
    tensor = graph.tensors[operator.inputs[1]]
    buffer = content.buffers[tensor.buffer]
    weights = np.frombuffer(bytes(buffer.data), np.float32).reshape(tensor.shape)
    buffer.data = np.frombuffer(np.ascontiguousarray(change(weights)).tobytes(), np.uint8)
    write_model(content, out / model.name)
    return out / model.name


def _openvino(model: Path, layer: str, change: Change, out: Path) -> Path:
    from edgecnn.backends.openvino.ir import openvino, read_model, write_model

    graph = read_model(model)
    operation = next(item for item in graph.get_ops() if item.get_friendly_name() == layer)
    weights = operation.input(1).get_source_output().get_node()
    constant = openvino.opset13.constant(np.ascontiguousarray(change(np.array(weights.data))))
    operation.input(1).replace_source_output(constant.output(0))
    write_model(graph, out / model.name)
    return out / model.name


def with_range(
    name: str, model: Path, tensor: str, factor: float, request: Any, out: Path, patch: pytest.MonkeyPatch
) -> Path:
    """Quantize a float file with the range of one tensor a multiple of what was estimated."""
    choose = Recovered.choose_ranges

    def damaged(*arguments: Any) -> Any:
        choice = choose(*arguments)
        place = tensor.partition(":")[0]  # OpenVINO's ranges are by operation
        bounds = choice.ranges[place]
        cut = Range(bounds.low * factor, bounds.high * factor)
        return replace(choice, ranges=choice.ranges | {place: cut})

    patch.setattr(Recovered, "choose_ranges", damaged)
    load_format(name).quantize(model, out, request)
    return out / model.name


def copied(model: Path, out: Path) -> Path:
    """Copy a model file with everything that belongs to it."""
    for file in model.parent.glob(f"{model.stem}.*"):
        shutil.copyfile(file, out / file.name)
    return out / model.name
