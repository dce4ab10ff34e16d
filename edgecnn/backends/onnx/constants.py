"""The weights stored in an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import numpy_helper

from edgecnn.backends.format import StoredWeight
from edgecnn.backends.onnx.session import read_model

if TYPE_CHECKING:
    from pathlib import Path


def stored_weights(file: Path) -> list[StoredWeight]:
    """Return every initializer of a file, in order.

    Raises:
        InputError: The file is not ONNX, or it is truncated.
    """
    arrays = [(tensor.name, numpy_helper.to_array(tensor)) for tensor in read_model(file).graph.initializer]
    return [StoredWeight(name, array.dtype.name, tuple(array.shape), array.nbytes) for name, array in arrays]
