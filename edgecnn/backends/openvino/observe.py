"""Observation of the quantized tensors of an OpenVINO graph on the calibration images, in float."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.inspect import FLOAT32
from edgecnn.backends.openvino.ir import openvino
from edgecnn.quantization.ranges import Observations, channel_name, sample_places

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import numpy.typing as npt

    from edgecnn.backends.calibration import Calibration
    from edgecnn.quantization.sqnr import Answer


def observe(
    graph: openvino.Model,
    names: Collection[str],
    images: Calibration,
    *,
    channels: Mapping[str, int] | None = None,
    sampled: bool = False,
) -> tuple[Observations, list[Answer]]:
    """Observe the range of some tensors, image by image, and the float outputs.

    Args:
        graph: A float graph, which is not changed.
        names: Names of the operations whose first output is observed.
        images: NCHW images.
        channels: Tensors that are observed per channel as well, with their numbers of channels.
        sampled: Whether to sample values between the extremes as well.

    Returns:
        The observations, and the float network's outputs for every image.
    """
    extended = graph.clone()
    nodes = {node.get_friendly_name(): node for node in extended.get_ordered_ops()}
    tensors = [name for name in nodes if name in names]
    single = list(channels or ())
    outputs = len(extended.outputs)
    extended.add_results(
        [openvino.opset13.result(probe) for name in tensors for probe in _probes(nodes[name], sampled)]
        + [openvino.opset13.result(probe) for name in single for probe in _channel_probes(nodes[name])]
    )
    properties = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, **FLOAT32}
    request = core().compile_model(extended, "CPU", properties).create_infer_request()
    truth: list[Answer] = []
    samples: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in tensors if sampled}

    def observed() -> Iterator[dict[str, tuple[float, float]]]:
        for image in images:
            request.infer([image])
            values = [request.get_output_tensor(port).data for port in range(len(extended.outputs))]
            truth.append(tuple(value.flatten() for value in values[:outputs]))
            width = 3 if sampled else 2
            shown = {name: values[outputs + width * place :][:width] for place, name in enumerate(tensors)}
            for name, kept in samples.items():
                kept.append(shown[name][2].copy())
            rows = {name: (float(low), float(high)) for name, (low, high, *_) in shown.items()}
            ends = values[outputs + width * len(tensors) :]
            for name, lows, highs in zip(single, ends[::2], ends[1::2], strict=True):
                rows |= {
                    channel_name(name, at): (float(low), float(high))
                    for at, (low, high) in enumerate(zip(lows, highs, strict=True))
                }
            yield rows

    return Observations.gather(observed(), samples), truth


def _channel_probes(node: openvino.Node) -> list[openvino.Node]:
    """Return the nodes of every channel's smallest and largest value, ``[C]``."""
    value = node.output(0)
    axes = [axis for axis in range(len(value.shape)) if axis != 1]
    over = openvino.opset13.constant(np.array(axes, np.int64))
    return [openvino.opset13.reduce_min(value, over), openvino.opset13.reduce_max(value, over)]


def _probes(node: openvino.Node, sampled: bool) -> list[openvino.Node]:
    """Return the nodes of a tensor's smallest and largest value, and of some of its values."""
    opset = openvino.opset13
    value = node.output(0)
    axes = opset.constant(np.arange(len(value.shape), dtype=np.int64))
    probes = [opset.reduce_min(value, axes), opset.reduce_max(value, axes)]
    if sampled:
        line = opset.reshape(value, opset.constant(np.array([-1], np.int64)), special_zero=False)
        places = sample_places(int(np.prod(value.shape)))
        probes.append(opset.gather(line, opset.constant(places), opset.constant(np.int64(0))))
    return probes
