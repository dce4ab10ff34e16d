"""The raw maps of a detector in an ONNX file: the last convolutions in front of what decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.models.imported.onnx_graph import constant, name_of, shape_of

if TYPE_CHECKING:
    import onnx_ir as ir

_IMAGE = 4
_BEGINS = ("Conv", "ConvTranspose")


@dataclass(frozen=True)
class RawMap:
    """The output of one of the last convolutions, ``[1, channels, height, width]``.

    Attributes:
        name: Name of the tensor.
        channels: Its channels.
        height: Its height.
        width: Its width.
    """

    name: str
    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class MapLevel:
    """The raw maps of one size.

    Attributes:
        stride: Pixels of the input from one cell to the next.
        maps: The maps, in the order of the graph.
    """

    stride: int
    maps: tuple[RawMap, ...]

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return self.maps[0].height * self.maps[0].width

    def of(self, channels: int) -> list[RawMap]:
        """Return the maps with this number of channels."""
        return [found for found in self.maps if found.channels == channels]


def map_levels(model: ir.Model, outputs: tuple[str, ...] = ()) -> list[MapLevel]:
    """Group the raw maps of a model by their size, the finest level first; empty if a size fits no stride.

    Args:
        model: Model with inferred shapes and batch 1.
        outputs: Names of the maps; without any, the last convolutions are taken.
    """
    (image,) = [value for value in model.graph.inputs if not value.is_initializer()]
    height, width = shape_of(image)[2:]
    names = outputs or tuple(name_of(_scaled(value)) for value in _ends(model.graph))
    sizes: dict[tuple[int, ...], list[RawMap]] = {}
    for value in (value for node in model.graph for value in node.outputs if name_of(value) in names):
        shape = shape_of(value)
        if len(shape) != _IMAGE or min(shape) < 1:
            return []
        sizes.setdefault(shape[2:], []).append(RawMap(name_of(value), *shape[1:]))
    levels = []
    for size, maps in sorted(sizes.items(), key=lambda item: (-item[0][0], -item[0][1])):
        stride = _stride((height, width), size)
        if stride is None:
            return []
        levels.append(MapLevel(stride, tuple(maps)))
    return levels


def last_convolutions(graph: ir.Graph) -> list[str]:
    """Return the outputs of the last convolutions before the network's outputs."""
    return [name_of(value) for value in _ends(graph)]


def _ends(graph: ir.Graph) -> list[ir.Value]:
    """Return the outputs of the last convolutions, without those that compute a distribution's mean."""
    found: set[ir.Node] = set()
    waiting = [value.producer() for value in graph.outputs]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            ends = node.op_type in _BEGINS and not _is_ramp(node)
            waiting += () if ends else node.predecessors()
    kept = [node for node in graph if node in found and node.op_type in _BEGINS and not _is_ramp(node)]
    return [node.outputs[0] for node in kept]


def _is_ramp(node: ir.Node) -> bool:
    """Return whether a convolution multiplies a distribution's bins with 0, 1, 2 and so on."""
    weight = constant(node.inputs[1]) if node.op_type == "Conv" else None
    if weight is None or weight.ndim != _IMAGE or weight.shape[0] != 1 or weight.shape[2:] != (1, 1):
        return False
    ramp = weight.ravel()
    return ramp.size > 1 and bool(np.array_equal(ramp, np.arange(ramp.size)))


def _scaled(value: ir.Value) -> ir.Value:
    """Return a convolution's output behind a factor for each channel, if nothing else reads it."""
    while True:
        users = [use.node for use in value.uses()]
        if len(users) != 1 or value.is_graph_output() or users[0].op_type != "Mul":
            return value
        others = [constant(item) for item in users[0].inputs if item is not value]
        channels = shape_of(value)[1:2]
        if len(others) != 1 or others[0] is None or others[0].shape[-3:] != (*channels, 1, 1):
            return value
        value = users[0].outputs[0]


def _stride(image: tuple[int, int], size: tuple[int, ...]) -> int | None:
    """Return the one power of two that makes an image this small, sizes rounded up; None if none does."""
    for power in range(10):
        stride: int = 2**power
        if tuple(-(-side // stride) for side in image) == size:
            return stride
    return None
