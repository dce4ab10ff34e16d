"""An int8 file with invented ranges, for measuring the cost of a network but not its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ai_edge_quantizer import recipe
from ai_edge_quantizer.quantizer import Quantizer

from edgecnn.backends.tflite.dense import dense_as_conv
from edgecnn.backends.tflite.flatbuffer import inline_weights, read_model, type_name
from edgecnn.backends.tflite.lower import lower_network
from edgecnn.backends.tflite.quantize import quantized_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.network import Network

RANGE = 6.0
"""The range of every tensor is taken as minus to plus this value."""


def write_nominal(network: Network, file: Path) -> None:
    """Write a network as an int8 file with one range for every tensor.

    Raises:
        InputError: The network has an operation that TFLite or int8 cannot express.
    """
    floating = lower_network(network, file.with_suffix(f".float{file.suffix}"))
    quantize_nominally(floating, file)
    floating.unlink()


def quantize_nominally(model: Path, file: Path) -> Path:
    """Quantize a float file with one range for every tensor; return ``file``.

    A compiler's result depends on operations, shapes and weights, not on the scales of activations, so the
    cost is known without calibration images. The file must not be shipped or run.

    Raises:
        InputError: An operation has no int8 form.
    """
    graph = read_model(model).subgraphs[0]
    indices = {*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)}
    ranges = {
        graph.tensors[index].name.decode("utf-8"): {
            "min": np.array([-RANGE], np.float32),
            "max": np.array([RANGE], np.float32),
        }
        for index in indices
        if type_name(graph.tensors[index]) == "float32"
    }
    file.write_bytes(quantized_bytes(Quantizer(str(model), recipe.static_wi8_ai8()), model, ranges))
    inline_weights(file)
    dense_as_conv(file)
    return file
