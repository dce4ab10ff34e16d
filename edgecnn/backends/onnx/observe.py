"""Observation of every tensor of an ONNX graph on the calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import onnxruntime

from edgecnn.backends.onnx.session import open_session
from edgecnn.models.imported.onnx_graph import name_of, proto_of, shape_of
from edgecnn.quantization.ranges import Observations, sample_places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.backends.calibration import Calibration
    from edgecnn.quantization.sqnr import Answer


def observe(
    model: ir.Model, name: Path, images: Calibration, *, sampled: bool = False
) -> tuple[Observations, list[Answer]]:
    """Observe the range of every float tensor, image by image, and the float outputs.

    The graph is extended with a ReduceMin and a ReduceMax per tensor, so that the runtime returns two numbers
    instead of the tensor. It runs unoptimized, because fused tensors could not be observed.

    Args:
        model: Model with inferred shapes of all tensors.
        name: Name of the file in messages.
        images: NCHW images.
        sampled: Whether to sample values between the extremes as well.

    Returns:
        The observations, and the float network's outputs for every image.
    """
    extended = model.clone()
    graph = extended.graph
    computed = [value for node in graph for value in node.outputs if value.dtype == ir.DataType.FLOAT]
    watched = [graph.inputs[0], *computed]
    tensors = [name_of(value) for value in watched]
    extremes = [
        ir.node(operation, [value], {"keepdims": 0})
        for operation in ("ReduceMin", "ReduceMax")
        for value in watched
    ]
    outputs = len(graph.outputs)
    _watch(graph, extremes)
    if sampled:
        _watch(graph, _samples(graph, watched))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = open_session(proto_of(extended, name), name, options)
    truth: list[Answer] = []
    samples: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in tensors if sampled}

    def observed() -> Iterator[dict[str, tuple[float, float]]]:
        for image in images:
            values = session.run(None, {tensors[0]: image})
            truth.append(tuple(value.ravel() for value in values[:outputs]))
            shown = values[outputs:]
            lows, highs, drawn = (shown[start * len(tensors) :][: len(tensors)] for start in range(3))
            for tensor, some in zip(tensors, drawn, strict=False):
                samples[tensor].append(some)
            yield {
                tensor: (float(low), float(high))
                for tensor, low, high in zip(tensors, lows, highs, strict=True)
            }

    return Observations.gather(observed(), samples), truth


def _watch(graph: ir.Graph, probes: list[ir.Node]) -> None:
    """Add the results of some nodes to the graph's outputs."""
    for probe in probes:
        graph.append(probe)
        probe.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        graph.outputs.append(probe.outputs[0])


def _samples(graph: ir.Graph, watched: list[ir.Value]) -> list[ir.Node]:
    """Return the nodes that sample values of every tensor, at places drawn once for all images."""
    flat = ir.val("edgecnn:flat", const_value=ir.tensor(np.array([-1], np.int64)))
    graph.initializers.add(flat)
    probes = []
    for value in watched:
        chosen = sample_places(int(np.prod(shape_of(value))))
        places = ir.val(f"edgecnn:places:{value.name}", const_value=ir.tensor(chosen))
        graph.initializers.add(places)
        line = ir.node("Reshape", [value, flat])
        graph.append(line)
        probes.append(ir.node("Gather", [line.outputs[0], places]))
    return probes
