"""Inspection of a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edgecnn.backends.format import StoredWeight
from edgecnn.core.documents.inspection import Inspection
from edgecnn.ondevice.tensor import TensorInfo
from toy_backend.file import read

if TYPE_CHECKING:
    from pathlib import Path


def inspect(model: Path) -> Inspection:
    """Read precision, operations, input and output."""
    network = read(model)
    weighted = [layer for layer in network.layers if f"{layer.name}.weight" in network.arrays]
    floats = tuple(layer.name for layer in weighted if layer.input_step is None)
    precision = "int8" if not floats else "fp32" if len(floats) == len(weighted) else "mixed"
    return Inspection(
        format="toy",
        precision=precision,
        ops=dict(Counter(layer.kind for layer in network.layers)),
        float_op_names=floats,
        transposes=0,
        inputs=(TensorInfo("input", network.input_shape, "float32"),),
        outputs=(TensorInfo("output", network.output_shape, "float32"),),
        parameters=sum(network.arrays[f"{layer.name}.weight"].size for layer in weighted),
        size_bytes=model.stat().st_size,
    )


def weights(model: Path) -> list[StoredWeight]:
    """List the arrays of a file."""
    arrays = read(model).arrays
    return [StoredWeight(name, array.dtype.name, array.shape, array.nbytes) for name, array in arrays.items()]
