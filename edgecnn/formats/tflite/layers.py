"""The operators of a TFLite file, one by one, with their multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.formats.tflite.flatbuffer import element_count, operator_name, read_model, type_name

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


@dataclass(frozen=True)
class Layer:
    """An operator of a file.

    Attributes:
        operator: Its name in the schema, such as ``CONV_2D``.
        output: Name of its first output tensor, which names the layer.
        macs: Multiply-accumulates of one inference; 0 for what multiplies by no weights.
    """

    operator: str
    output: str
    macs: int


def layers(file: Path) -> list[Layer]:
    """Return the operators of a file's first graph, in their order of execution.

    Raises:
        InputError: The file is not TFLite, or it is truncated or damaged.
    """
    model = read_model(file)
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        name = operator_name(model, operator)
        output = graph.tensors[operator.outputs[0]]
        found.append(Layer(name, output.name.decode("utf-8"), _macs(name, graph, operator, output)))
    return found


def layer_weights(file: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights of a float file's layers, by the name of their output tensor.

    Returns:
        float32, output channels first, as PyTorch has them: ``[O, I, H, W]``, ``[O, 1, H, W]`` of a depthwise
        convolution, ``[O, I]``.
    """
    model = read_model(file)
    graph = model.subgraphs[0]
    found = {}
    for operator in graph.operators:
        order = _TO_TORCH.get(operator_name(model, operator))
        if order is None:
            continue
        tensor = graph.tensors[operator.inputs[1]]
        data = model.buffers[tensor.buffer].data
        if data is not None and type_name(tensor) == "float32":
            kernel = np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)
            found[graph.tensors[operator.outputs[0]].name.decode("utf-8")] = kernel.transpose(order)
    return found


_TO_TORCH = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}
"""Order of a weight's axes in the file that PyTorch has them in."""


def _macs(name: str, graph: Any, operator: Any, output: Any) -> int:
    if name not in _WEIGHTED:
        return 0
    weights = [int(extent) for extent in graph.tensors[operator.inputs[1]].shape]
    source = graph.tensors[operator.inputs[2 if name == "TRANSPOSE_CONV" else 0]]
    match name:
        case "CONV_2D":  # weights [out, height, width, in]
            return element_count(output) * weights[1] * weights[2] * weights[3]
        case "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
            return element_count(output) * weights[1] * weights[2]
        case "TRANSPOSE_CONV":  # weights [out, height, width, in]: every input value meets them all
            return element_count(source) * weights[0] * weights[1] * weights[2]
        case _:  # FULLY_CONNECTED, weights [out, in]
            return element_count(output) * weights[-1]


_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})
