"""The weights stored in a TFLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.format import StoredWeight
from edgecnn.backends.tflite.flatbuffer import read_model, shape_of, type_name

if TYPE_CHECKING:
    from pathlib import Path


def stored_weights(file: Path) -> list[StoredWeight]:
    """Return every constant tensor of a file, in order.

    Raises:
        InputError: The file is not TFLite, or it is truncated or damaged.
    """
    model = read_model(file)
    return [
        StoredWeight(
            tensor.name.decode("utf-8"),
            type_name(tensor),
            shape_of(tensor),
            len(model.buffers[tensor.buffer].data),
        )
        for graph in model.subgraphs
        for tensor in graph.tensors
        if model.buffers[tensor.buffer].data is not None and len(model.buffers[tensor.buffer].data)
    ]
