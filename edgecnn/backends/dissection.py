"""An int8 network taken apart beside its float original, the same for every format.

An int8 file says at which tensors values lie on a grid. Here such a tensor is a *point*, and what computes
one point from others is a *piece*: a convolution with its activation function, an addition, a pool. Every
point has a counterpart in the float file, so that a piece can be run alone on what the float network
really computes, and the float network can go on from what the piece made of it. A format only shows its
two graphs and cuts runnable parts out of its files; the rest is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from edgecnn.backends.terms import Layout
    from edgecnn.backends.worker.runtime import Execution

Values = npt.NDArray[np.float32]

if TYPE_CHECKING:
    Cut = Callable[[Sequence[Values]], list[Values]]


@dataclass(frozen=True)
class GraphNode:
    """An operation of a graph.

    Attributes:
        name: As the format's reports name it.
        operation: Its type, such as ``Conv``.
        inputs: Names of the tensors that it reads, less those that do not depend on the image.
        outputs: Names of the tensors that it computes.
        weighted: Whether it multiplies with weights.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weighted: bool = False


@dataclass(frozen=True, eq=False)
class Grid:
    """The values that a quantized tensor can hold: ``levels`` of them, evenly from ``low`` to ``high``.

    Attributes:
        low: Smallest value, float32; a scalar, or one value a channel in a shape that broadcasts.
        high: Largest value, in the same shape.
        levels: Number of values.
    """

    low: Values
    high: Values
    levels: int

    @property
    def step(self) -> Values:
        """Distance of two neighbours."""
        return (self.high - self.low) / np.float32(self.levels - 1)

    def snap(self, values: Values) -> Values:
        """Return the nearest values of the grid.

        >>> Grid(np.float32(-1), np.float32(1), 5).snap(np.float32([-3, 0.2, 0.3]))
        array([-1. ,  0. ,  0.5], dtype=float32)
        """
        steps = np.rint((np.clip(values, self.low, self.high) - self.low) / self.step)
        return np.asarray(steps * self.step + self.low, np.float32)


@dataclass(frozen=True, eq=False)
class ProbePoint:
    """A tensor of the int8 file whose float counterpart is known.

    Attributes:
        key: Name of the tensor in the int8 file that holds the value, on its grid.
        entry: Name of the tensor at which a value of the float network may be fed in: the one before it is
            quantized; ``key`` itself where the file holds integers only.
        counterpart: Name of the tensor in the float file.
        grid: Its grid; None for a tensor that stays float.
        size: Number of its elements.
    """

    key: str
    entry: str
    counterpart: str
    grid: Grid | None
    size: int


@dataclass(frozen=True, eq=False)
class Piece:
    """What computes one point from others.

    Attributes:
        inputs: The points that it reads.
        output: The point that it computes.
        nodes: Its operations in the int8 file, in their order.
        float_inputs: Names of the float file's tensors that its counterpart reads: those of ``inputs``.
        float_nodes: The float file's operations between the counterparts; none where the piece only puts
            the image on its grid.
    """

    inputs: tuple[ProbePoint, ...]
    output: ProbePoint
    nodes: tuple[GraphNode, ...]
    float_inputs: tuple[str, ...]
    float_nodes: tuple[GraphNode, ...]

    @property
    def name(self) -> str:
        """The float file's name of its operation with weights, or else of its first."""
        return main_of(self.float_nodes).name if self.float_nodes else INPUT

    @property
    def operation(self) -> str:
        """Types of its operations in the float file, such as ``Conv+Clip``."""
        return "+".join(node.operation for node in self.float_nodes) or INPUT


INPUT = "input"
"""Name of the piece that puts the image on its grid."""


def main_of(nodes: Sequence[GraphNode]) -> GraphNode:
    """Return the first operation with weights, or else the first of all."""
    return next((node for node in nodes if node.weighted), nodes[0])


class Dissection(Protocol):
    """An int8 file and its float original, open.

    Attributes:
        layout: Of images.
        nodes: Operations of the int8 file, in an order of execution.
        float_nodes: Operations of the float file, likewise.
        points: Every point, the image first, in their order of execution.
        float_outputs: Names of the float file's outputs.
        outputs: The points that are the int8 file's outputs, in the same order.
    """

    layout: Layout
    nodes: Sequence[GraphNode]
    float_nodes: Sequence[GraphNode]
    points: Sequence[ProbePoint]
    float_outputs: tuple[str, ...]
    outputs: tuple[ProbePoint, ...]

    def cut_float(self, inputs: Sequence[str], outputs: Sequence[str]) -> Cut:
        """Return a function of the values of ``inputs`` that computes ``outputs`` as the float file does."""

    def cut(self, inputs: Sequence[ProbePoint], output: ProbePoint, execution: Execution) -> Cut:
        """Return a function of values at the entries of ``inputs`` that computes ``output`` in int8."""

    def weights(self, node: str) -> Values | None:
        """Return the weights of an operation of the int8 file as real numbers; None where it has none.

        Returns:
            float32 in PyTorch's order, ``[O, I, H, W]`` or ``[O, I]``.
        """

    def float_weights(self, node: str) -> Values | None:
        """Return the weights of an operation of the float file, in the same order."""


class Wiring:
    """Which operation computes which tensor of a graph.

    Args:
        nodes: The operations, in an order of execution.
    """

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._nodes = nodes
        self._maker = {tensor: index for index, node in enumerate(nodes) for tensor in node.outputs}

    def behind(
        self, targets: Iterable[str], known: Collection[str]
    ) -> tuple[tuple[GraphNode, ...], tuple[str, ...]]:
        """Return what must be computed for some tensors when others are known.

        Args:
            targets: The tensors; each is computed even where it is known.
            known: Tensors at which the way back ends.

        Returns:
            The operations in their order, and the known tensors and graph inputs that they read.

        >>> conv, relu = GraphNode("c", "Conv", ("x",), ("y",)), GraphNode("r", "Relu", ("y",), ("z",))
        >>> nodes, read = Wiring([conv, relu]).behind(["z"], ["y"])
        >>> [node.name for node in nodes], read
        (['r'], ('y',))
        """
        found: set[int] = set()
        read: dict[str, None] = {}
        pending = [self._maker[target] for target in targets if target in self._maker]
        while pending:
            index = pending.pop()
            if index in found:
                continue
            found.add(index)
            for tensor in self._nodes[index].inputs:
                if tensor in known or tensor not in self._maker:
                    read[tensor] = None
                else:
                    pending.append(self._maker[tensor])
        return tuple(self._nodes[index] for index in sorted(found)), tuple(read)


def pieces(dissection: Dissection) -> list[Piece]:
    """Return the pieces of an int8 file in their order of execution.

    Operations whose result has no counterpart belong to the piece of the next point.

    Raises:
        InputError: No tensor of the file is quantized, or none has a counterpart.
    """
    image, *others = dissection.points
    if all(point.grid is None for point in dissection.points):
        raise InputError(
            "the file holds no quantized tensor that the float file has too",
            hint="is it an int8 file, and --float the file that it was quantized from?",
        )
    points = {point.key: point for point in dissection.points}
    quantized, original = Wiring(dissection.nodes), Wiring(dissection.float_nodes)
    found = []
    for point in others:
        nodes, read = quantized.behind([point.key], points)
        inputs = tuple(points[key] for key in read)
        known = {source.counterpart for source in inputs} | {image.counterpart}
        if point.counterpart in known:
            found.append(Piece(inputs, point, nodes, (point.counterpart,), ()))
        else:
            float_nodes, float_inputs = original.behind([point.counterpart], known)
            found.append(Piece(inputs, point, nodes, float_inputs, float_nodes))
    return found
