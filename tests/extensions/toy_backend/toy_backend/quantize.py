"""From a float file and calibration images to an int8 file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.calibration_check import calibration_health
from edgecnn.backends.options import check_known
from edgecnn.core.documents.quantization import IntegerNotes, RangeNotes
from edgecnn.core.errors import InputError, UsageError
from edgecnn.ondevice.tensor import TensorInfo
from toy_backend.file import Layer, Network, read, write
from toy_backend.layers import LIMIT, Values, run

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.format import QuantizeRequest


def quantize(model: Path, file: Path, request: QuantizeRequest) -> IntegerNotes:
    """Quantize weights for each channel and inputs by the largest value that was seen; return notes.

    Raises:
        UsageError: The precision is not int8, or an option is unknown.
        InputError: The file or the calibration images cannot be used.
    """
    if request.precision != "int8":
        raise UsageError(f"toy has no {request.precision}")
    check_known(request.options, (), "toy int8")
    network = read(model)
    if any(layer.input_step is not None for layer in network.layers):
        raise InputError(f"{model} is quantized already")
    images = Calibration.open(request, "NCHW", TensorInfo("input", network.input_shape, "float32"))
    largest: dict[str, float] = {}

    def watch(layer: Layer, values: Values) -> None:
        largest[layer.name] = max(largest.get(layer.name, 0.0), float(np.abs(values).max()))

    truth = [(run(network, image, watch=watch).ravel(),) for image in images]
    quantized = _quantized(network, largest)
    write(quantized, file)
    answers = [(run(quantized, image).ravel(),) for image in images]
    return IntegerNotes(
        scheme="int8 weights per channel, int8 inputs per layer",
        calibration=images.notes(),
        ranges=RangeNotes(method="extremes"),
        on_calibration_images=calibration_health(truth, answers, {"output": None}),
        tools={"numpy": np.__version__},
    )


def _quantized(network: Network, largest: dict[str, float]) -> Network:
    layers, arrays = [], dict(network.arrays)
    for layer in network.layers:
        weight = network.arrays.get(f"{layer.name}.weight")
        if weight is None:
            layers.append(layer)
            continue
        shape = (-1, *[1] * (weight.ndim - 1))
        scale = np.maximum(np.abs(weight).reshape(len(weight), -1).max(1), 1e-12).astype(np.float32) / LIMIT
        arrays[f"{layer.name}.weight"] = np.rint(weight / scale.reshape(shape)).astype(np.int8)
        arrays[f"{layer.name}.scale"] = scale
        layers.append(replace(layer, input_step=max(largest[layer.name], 1e-12) / LIMIT))
    return replace(network, layers=tuple(layers), arrays=arrays)
