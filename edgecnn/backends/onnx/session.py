"""Sessions of ONNX Runtime on ONNX files, with errors in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import onnxruntime

from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.models.imported.onnx_file import REFUSALS, read_model, restrain
from edgecnn.ondevice.tensor import TensorInfo

__all__ = ["REFUSALS", "open_session", "read_model", "run_flat", "tensor_infos"]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edgecnn.quantization.sqnr import Answer

_KNOWN_TYPES = frozenset(onnx.helper.get_all_tensor_dtypes())


def open_session(
    model: onnx.ModelProto | Path, name: Path, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    """Open a model in ONNX Runtime on the CPU, on one thread.

    Raises:
        InputError: ONNX Runtime rejects it; the message names ``name``.
    """
    restrain(options)
    source = str(model) if not isinstance(model, onnx.ModelProto) else model.SerializeToString()
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        raise InputError(f"{name} cannot be opened by ONNX Runtime: {one_line(error)}") from error


def run_flat(
    session: onnxruntime.InferenceSession, images: Iterator[npt.NDArray[np.float32]]
) -> list[Answer]:
    """Run images through a model of one input; return each image's outputs, flattened, float32."""
    name = session.get_inputs()[0].name
    return [tuple(value.ravel() for value in session.run(None, {name: image})) for image in images]


def tensor_infos(values: Sequence[onnx.ValueInfoProto]) -> tuple[TensorInfo, ...]:
    """Describe graph inputs or outputs; a dynamic dimension is -1.

    Raises:
        InputError: One of them is no tensor of a known type.
    """
    described = []
    for value in values:
        kind = value.type.tensor_type
        if kind.elem_type not in _KNOWN_TYPES:
            raise InputError(
                f"{value.name!r} is no tensor of numbers, and a network's inputs and outputs are"
            )
        shape = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
        described.append(TensorInfo(value.name, shape, dtype))
    return tuple(described)
