"""Activation ranges of an int8 graph made by NNCF, and their replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.openvino.ir import openvino
from edgecnn.quantization.concat_ranges import Concatenation, with_one_grid
from edgecnn.quantization.grids import LEVELS, affine_grid
from edgecnn.quantization.ranges import channel_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.quantization.ranges import Range


def tensors_by_channel(quantized: openvino.Model) -> dict[str, int]:
    """Return the tensors with a range per channel, with their numbers of channels.

    NNCF gives such ranges before depthwise convolutions, whose channels are never added together.
    """
    found = {}
    for operation in quantized.get_ordered_ops():
        if operation.get_type_name() == "FakeQuantize":
            source = operation.input_value(0).get_node()
            channels = int(np.prod(operation.input_value(1).get_shape()))
            if channels > 1 and source.get_type_name() not in ("Constant", "Convert"):
                found[source.get_friendly_name()] = channels
    return found


def concatenations(quantized: openvino.Model) -> list[Concatenation]:
    """Return the concatenations, whose parts are the operations with the quantized outputs."""
    found = []
    for operation in quantized.get_ordered_ops():
        if operation.get_type_name() == "Concat":
            parts = [port.get_source_output().get_node() for port in operation.inputs()]
            names = dict.fromkeys(name for part in parts for name in _quantized_in(part))
            found.append(Concatenation(operation.get_friendly_name(), tuple(names)))
    return found


def _quantized_in(part: openvino.Node) -> list[str]:
    """Return the operations whose outputs have the grid of a tensor."""
    match part.get_type_name():
        case "FakeQuantize":
            return [str(part.input_value(0).get_node().get_friendly_name())]
        case "Concat":
            inputs = [port.get_source_output().get_node() for port in part.inputs()]
            return [name for node in inputs for name in _quantized_in(node)]
        case "MaxPool" | "Reshape" | "Transpose" | "Split" | "VariadicSplit":
            return _quantized_in(part.input_value(0).get_node())
        case _:
            return [str(part.get_friendly_name())]


def quantized_tensors(quantized: openvino.Model) -> dict[str, str]:
    """Return the names of operations with a quantized output, by the name of the FakeQuantize after it."""
    found = {}
    for operation in quantized.get_ordered_ops():
        if operation.get_type_name() == "FakeQuantize":
            source = operation.input_value(0).get_node()
            if source.get_type_name() not in ("Constant", "Convert"):
                found[operation.get_friendly_name()] = source.get_friendly_name()
    return found


def write_ranges(quantized: openvino.Model, ranges: Mapping[str, Range]) -> None:
    """Set the range of every activation, in place; zero is a level, and parts of a concatenation share one.

    Args:
        quantized: An int8 graph made by NNCF, with 256 levels per activation.
        ranges: Ranges by the name of the operation with the quantized output, or for a range per channel, by
        :func:`edgecnn.quantization.ranges.channel_name`.
    """
    sources, channels = quantized_tensors(quantized), tensors_by_channel(quantized)
    ranges = with_one_grid(ranges, concatenations(quantized))
    for operation in quantized.get_ordered_ops():
        name = operation.get_friendly_name()
        if name in sources and sources[name] in ranges:
            names = [channel_name(sources[name], at) for at in range(channels.get(sources[name], 0))]
            own = [on_grid(ranges[part]) for part in names if part in ranges]
            grids = np.array(own or [on_grid(ranges[sources[name]])], np.float32)
            shape = [1] * len(operation.input_value(0).get_partial_shape())
            if own:
                shape[1] = len(own)
            for port, end in ((1, 0), (2, 1), (3, 0), (4, 1)):
                limits = openvino.opset13.constant(grids[:, end].reshape(shape))
                operation.input(port).replace_source_output(limits.output(0))
    quantized.validate_nodes_and_infer_types()


def on_grid(bounds: Range) -> tuple[float, float]:
    """Return the nearest interval of 256 levels, one of which is zero.

    >>> from edgecnn.quantization.ranges import Range
    >>> on_grid(Range(0.5, 2.55))
    (0.0, 2.55)
    """
    step, zero = affine_grid(bounds.low, bounds.high)
    return float(-int(zero) * step), float((LEVELS - 1 - int(zero)) * step)
