"""What every tensor of an ONNX graph holds on the calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime

from edgecnn.compress.ranges import Observations
from edgecnn.formats.onnx.session import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.formats.calibration import Calibration


def observe(
    model: onnx.ModelProto, name: Path, images: Calibration
) -> tuple[Observations, list[npt.NDArray[np.float32]]]:
    """Observe the range of every float tensor, image by image, and the float outputs.

    The graph is extended with a ReduceMin and a ReduceMax a tensor, so that two numbers leave the runtime
    and not the tensor. It runs unoptimized: a fused tensor could not be observed.

    Args:
        model: With shapes of all tensors inferred.
        name: File to name in errors.
        images: NCHW.

    Returns:
        The observations, and one flat array of all outputs an image.
    """
    tensors = _float_tensors(model)
    outputs = [value.name for value in model.graph.output]
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    probes = []
    for operation in ("ReduceMin", "ReduceMax"):
        for tensor in tensors:
            probe = f"edgecnn:{operation}:{tensor}"
            probes.append(probe)
            extended.graph.node.append(onnx.helper.make_node(operation, [tensor], [probe], keepdims=0))
            extended.graph.output.append(
                onnx.helper.make_tensor_value_info(probe, onnx.TensorProto.FLOAT, [])
            )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = open_session(extended, name, options)
    truth: list[npt.NDArray[np.float32]] = []

    def observed() -> Iterator[dict[str, tuple[float, float]]]:
        for image in images:
            values = session.run([*outputs, *probes], {model.graph.input[0].name: image})
            truth.append(np.concatenate([value.ravel() for value in values[: len(outputs)]]))
            bounds = [float(value) for value in values[len(outputs) :]]
            pairs = zip(bounds[: len(tensors)], bounds[len(tensors) :], strict=True)
            yield dict(zip(tensors, pairs, strict=True))

    return Observations.gather(observed()), truth


def _float_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the graph's input and every float tensor that a node computes."""
    kinds = {
        value.name: value.type.tensor_type.elem_type
        for value in (*model.graph.value_info, *model.graph.output)
    }
    computed = [name for node in model.graph.node for name in node.output]
    return [
        model.graph.input[0].name,
        *(name for name in computed if kinds.get(name) == onnx.TensorProto.FLOAT),
    ]
