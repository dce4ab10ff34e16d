"""What every tensor of an ONNX graph holds on the calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime

from edgecnn.backends.onnx.session import open_session
from edgecnn.quantization.ranges import Observations, sample_places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.backends.calibration import Calibration
    from edgecnn.quantization.sqnr import Answer


def observe(
    model: onnx.ModelProto, name: Path, images: Calibration, *, sampled: bool = False
) -> tuple[Observations, list[Answer]]:
    """Observe the range of every float tensor, image by image, and the float outputs.

    The graph is extended with a ReduceMin and a ReduceMax a tensor, so that two numbers leave the runtime
    and not the tensor. It runs unoptimized: a fused tensor could not be observed.

    Args:
        model: With shapes of all tensors inferred.
        name: File to name in errors.
        images: NCHW.
        sampled: Whether values between the extremes are wanted as well.

    Returns:
        The observations, and what the float network says of every image.
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
    if sampled:
        probes += _add_samples(extended, tensors)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = open_session(extended, name, options)
    truth: list[Answer] = []
    samples: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in tensors if sampled}

    def observed() -> Iterator[dict[str, tuple[float, float]]]:
        for image in images:
            values = session.run([*outputs, *probes], {model.graph.input[0].name: image})
            truth.append(tuple(value.ravel() for value in values[: len(outputs)]))
            shown = values[len(outputs) :]
            lows, highs, drawn = (shown[start * len(tensors) :][: len(tensors)] for start in range(3))
            for tensor, some in zip(tensors, drawn, strict=False):
                samples[tensor].append(some)
            yield {
                tensor: (float(low), float(high))
                for tensor, low, high in zip(tensors, lows, highs, strict=True)
            }

    return Observations.gather(observed(), samples), truth


def _add_samples(model: onnx.ModelProto, tensors: list[str]) -> list[str]:
    """Let the graph also return some values of every tensor, at places drawn once for all images."""
    flat = onnx.numpy_helper.from_array(np.array([-1], np.int64), "edgecnn:flat")
    model.graph.initializer.append(flat)
    shapes = {value.name: value.type.tensor_type.shape for value in _typed(model)}
    probes = []
    for tensor in tensors:
        places, line, probe = (f"edgecnn:{what}:{tensor}" for what in ("places", "line", "sample"))
        chosen = sample_places(int(np.prod([size.dim_value for size in shapes[tensor].dim])))
        model.graph.initializer.append(onnx.numpy_helper.from_array(chosen, places))
        model.graph.node.append(onnx.helper.make_node("Reshape", [tensor, flat.name], [line]))
        model.graph.node.append(onnx.helper.make_node("Gather", [line, places], [probe]))
        probes.append(probe)
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(probe, onnx.TensorProto.FLOAT, [len(chosen)])
        )
    return probes


def _typed(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    return [*model.graph.input, *model.graph.value_info, *model.graph.output]


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
