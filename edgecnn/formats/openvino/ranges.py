"""Activation ranges of an int8 graph made by NNCF: where they are, and ours in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.formats.openvino.ir import openvino

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.compress.ranges import Range

LEVELS = 256
_SMALLEST_WIDTH = 1e-8


def quantized_tensors(quantized: openvino.Model) -> dict[str, str]:
    """Return whose output is quantized: the operation's name by that of the FakeQuantize behind it."""
    found = {}
    for operation in quantized.get_ordered_ops():
        if operation.get_type_name() == "FakeQuantize":
            source = operation.input_value(0).get_node()
            if source.get_type_name() not in ("Constant", "Convert"):
                found[operation.get_friendly_name()] = source.get_friendly_name()
    return found


def write_ranges(quantized: openvino.Model, ranges: Mapping[str, Range]) -> None:
    """Give every activation its range, in place; zero lies on the grid.

    Args:
        quantized: An int8 graph made by NNCF, with 256 levels an activation.
        ranges: By the name of the operation whose output is quantized.
    """
    sources = quantized_tensors(quantized)
    for operation in quantized.get_ordered_ops():
        name = operation.get_friendly_name()
        if name in sources and sources[name] in ranges:
            low, high = on_grid(ranges[sources[name]])
            for port, limit in ((1, low), (2, high), (3, low), (4, high)):
                shape = [1] * len(operation.input_value(0).get_partial_shape())
                limits = openvino.opset13.constant(np.full(shape, limit, np.float32))
                operation.input(port).replace_source_output(limits.output(0))
    quantized.validate_nodes_and_infer_types()


def on_grid(bounds: Range) -> tuple[float, float]:
    """Return the nearest interval of 256 levels in which zero is one of them.

    >>> from edgecnn.compress.ranges import Range
    >>> on_grid(Range(0.5, 2.55))
    (0.0, 2.55)
    """
    low, high = min(bounds.low, 0.0), max(bounds.high, 0.0)
    step = max(high - low, _SMALLEST_WIDTH) / (LEVELS - 1)
    zero = round(-low / step)
    return -zero * step, (LEVELS - 1 - zero) * step
