"""Weights of a TFLite file: read from the float file, and put on given scales in the int8 file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.backends.tflite.flatbuffer import operator_name, read_model, shape_of, type_name, write_model
from edgecnn.quantization.grids import stored_levels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    Weights = npt.NDArray[np.float32]

_TO_TORCH = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}
"""Axes of a weight in the file, in PyTorch's order."""

_BIAS = 2
"""Index of the bias among an operator's inputs."""


def layer_weights(file: Path) -> dict[str, Weights]:
    """Return the weights of a float file's layers, by the name of their output tensor.

    Returns:
        float32, output channels first, as PyTorch has them: ``[O, I, H, W]``, ``[O, 1, H, W]`` of a depthwise
        convolution, ``[O, I]``.
    """
    model = read_model(file)
    found = {}
    for name, operator in _layers(model):
        tensor = model.subgraphs[0].tensors[operator.inputs[1]]
        if type_name(tensor) == "float32" and model.buffers[tensor.buffer].data is not None:
            found[name] = _constant(model, tensor).transpose(_TO_TORCH[operator_name(model, operator)])
    return found


def put_on_grid(file: Path, model: Path, scales: Mapping[str, Weights]) -> None:
    """Put the weights of some layers of an int8 file on given scales, with matching biases, in place.

    The native quantizer always uses the largest weight over 127 as the scale, which would round weights on
    another grid once more.

    Args:
        file: The int8 file.
        model: The float file that it was made from.
        scales: Scales by the name of a layer's output tensor, float32 ``[O]``.
    """
    source, target = read_model(model), read_model(file)
    floats = dict(_layers(source))
    for name, operator in _layers(target):
        if name in scales and target.subgraphs[0].tensors[operator.inputs[1]].type == schema.TensorType.INT8:
            _rescale(target, operator, (source, floats[name]), scales[name])
    _empty_unread(target)
    write_model(target, file)


def _rescale(model: Any, operator: Any, original: tuple[Any, Any], scales: Weights) -> None:
    tensors = model.subgraphs[0].tensors
    weights = tensors[operator.inputs[1]]
    source, layer = original
    kernel = _constant(source, source.subgraphs[0].tensors[layer.inputs[1]])
    axis = weights.quantization.quantizedDimension
    shape = [-1 if place == axis else 1 for place in range(kernel.ndim)]
    _store(model, weights, stored_levels(kernel, scales.reshape(shape)), scales)
    if len(operator.inputs) > _BIAS and operator.inputs[_BIAS] >= 0:
        bias = tensors[operator.inputs[_BIAS]]
        steps = scales * np.float32(tensors[operator.inputs[0]].quantization.scale[0])
        values = _constant(source, source.subgraphs[0].tensors[layer.inputs[_BIAS]])
        _store(model, bias, np.rint(values.astype(np.float64) / steps).astype(np.int32), steps)


def _store(model: Any, tensor: Any, levels: npt.NDArray[np.integer[Any]], scales: Weights) -> None:
    """Write a constant into a new buffer, because two tensors may share one."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(levels.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    tensor.quantization.scale = scales.astype(np.float32)
    tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)


def _empty_unread(model: Any) -> None:
    """Empty the buffers without references; they keep their places, because buffers are known by index."""
    read = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    read |= {entry.buffer for entry in model.metadata or ()}
    for place, buffer in enumerate(model.buffers):
        if place not in read:
            buffer.data = None


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the operators with weights, each with the name of its output tensor."""
    graph = model.subgraphs[0]
    for operator in graph.operators:
        if operator_name(model, operator) in _TO_TORCH:
            yield graph.tensors[operator.outputs[0]].name.decode("utf-8"), operator


def _constant(model: Any, tensor: Any) -> Weights:
    data = bytes(model.buffers[tensor.buffer].data)
    return np.frombuffer(data, np.float32).reshape(shape_of(tensor))
