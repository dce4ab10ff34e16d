"""An int8 network divided into pieces beside its float original, in the same way for every format.

An int8 file shows which tensors are on a grid. Such a tensor is a *point*, and the operations that compute
one point from others are a *piece*: a convolution with its activation function, an addition, a pooling. Every
point has a counterpart in the float file, so that a piece can be run alone on the float network's values, and
the float network can continue from the piece's result. A format only exposes its two graphs and cuts runnable
parts out of its files; the rest is in this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from edgecnn.backends.terms import Layout
    from edgecnn.backends.worker.runtime import Execution

Values = npt.NDArray[np.float32]

if TYPE_CHECKING:
    Cut = Callable[[Sequence[Values]], list[Values]]


@dataclass(frozen=True)
class GraphNode:
    """An operation of a graph.

    Attributes:
        name: Its name in the format's reports.
        operation: Its type, such as ``Conv``.
        inputs: Names of the tensors that it reads, without those that do not depend on the image.
        outputs: Names of the tensors that it computes.
        weighted: Whether it multiplies by weights.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weighted: bool = False


@dataclass(frozen=True, eq=False)
class Grid:
    """The values of a quantized tensor: ``levels`` values, evenly from ``low`` to ``high``.

    Attributes:
        low: Smallest value, float32; a scalar, or one value per channel in a shape that broadcasts.
        high: Largest value, in the same shape.
        levels: Number of values.
    """

    low: Values
    high: Values
    levels: int

    @property
    def step(self) -> Values:
        """Return the distance between neighbouring values."""
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
        entry: Name of the tensor that accepts a value of the float network: the one before quantization, or
            ``key`` itself if the file holds only integers.
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
    """The operations that compute one point from others.

    Attributes:
        inputs: The points that it reads.
        output: The point that it computes.
        nodes: Its operations in the int8 file, in order.
        float_inputs: Names of the float tensors that its counterpart reads: those of ``inputs``.
        float_nodes: The float file's operations between the counterparts; empty if the piece only quantizes
            the image.
    """

    inputs: tuple[ProbePoint, ...]
    output: ProbePoint
    nodes: tuple[GraphNode, ...]
    float_inputs: tuple[str, ...]
    float_nodes: tuple[GraphNode, ...]

    @property
    def name(self) -> str:
        """Return the float file's name of its operation with weights, or else of its first operation."""
        return main_of(self.float_nodes).name if self.float_nodes else INPUT

    @property
    def operation(self) -> str:
        """Return the types of its operations in the float file, such as ``Conv+Clip``."""
        return "+".join(node.operation for node in self.float_nodes) or INPUT


INPUT = "input"
"""Name of the piece that quantizes the image."""


def main_of(nodes: Sequence[GraphNode]) -> GraphNode:
    """Return the first operation with weights, or else the first operation."""
    return next((node for node in nodes if node.weighted), nodes[0])


class DissectedGraph(Protocol):
    """A file of a format, open."""

    @property
    def file(self) -> Path:
        """The file."""

    @property
    def nodes(self) -> tuple[GraphNode, ...]:
        """Its operations, in an order of execution, less those that do not depend on the image."""

    @property
    def input(self) -> str:
        """Name of its input."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of its outputs."""

    def size(self, tensor: str) -> int:
        """Return a tensor's number of elements."""

    def cut(self, inputs: Sequence[str], outputs: Sequence[str], execution: Execution) -> Cut:
        """Return a function of the values of ``inputs`` that computes ``outputs`` as the file does."""

    def weights(self, node: str) -> Values | None:
        """Return the weights of an operation as real numbers; None where it has none.

        Returns:
            float32 in PyTorch's order, ``[O, I, H, W]`` or ``[O, I]``.
        """


class Dissection:
    """An int8 file and its float original, open.

    Args:
        layout: Of images.
        int8: The int8 file.
        original: The float file.
        points: The tensors of the int8 file that have a counterpart, in their order of execution, less the
            image; outputs that stay float may be left out.
        entrance: Stands for putting the image on its grid where no operation of the file does.

    Attributes:
        layout: Layout of images.
        nodes: Operations of the int8 file, in an order of execution.
        float_nodes: Operations of the float file, in an order of execution.
        points: All points in their order of execution, with the image first.
        float_outputs: Names of the float file's outputs.
        outputs: The points of the int8 file's outputs, in the same order.
    """

    def __init__(
        self,
        layout: Layout,
        int8: DissectedGraph,
        original: DissectedGraph,
        points: Sequence[ProbePoint],
        entrance: GraphNode | None = None,
    ) -> None:
        self._int8, self._float = int8, original
        self.layout = layout
        self.nodes = int8.nodes if entrance is None else (entrance, *int8.nodes)
        self.float_nodes = original.nodes
        self.float_outputs = original.outputs
        key = int8.input if entrance is None else entrance.name
        image = ProbePoint(key, int8.input, original.input, None, int8.size(int8.input))
        by_key = {point.key: point for point in (image, *points)}
        for name, counterpart in same_outputs(int8, original).items():
            by_key.setdefault(name, ProbePoint(name, name, counterpart, None, int8.size(name)))
        self.points = tuple(by_key.values())
        self.outputs = tuple(by_key[name] for name in int8.outputs)

    def cut_float(self, inputs: Sequence[str], outputs: Sequence[str]) -> Cut:
        """Return a function of the values of ``inputs`` that computes ``outputs`` as the float file does."""
        return self._float.cut(inputs, outputs, "shipping")

    def cut(self, inputs: Sequence[ProbePoint], output: ProbePoint, execution: Execution) -> Cut:
        """Return a function of values at the entries of ``inputs`` that computes ``output`` in int8.

        The quantizers of the inputs are part of it.
        """
        return self._int8.cut([point.entry for point in inputs], [output.key], execution)

    def weights(self, node: str) -> Values | None:
        """Return the dequantized weights of an operation, as :meth:`DissectedGraph.weights` does."""
        return self._int8.weights(node)

    def float_weights(self, node: str) -> Values | None:
        """Return the weights of an operation of the float file, in the same order."""
        return self._float.weights(node)


def same_outputs(int8: DissectedGraph, original: DissectedGraph) -> dict[str, str]:
    """Return the float file's names of the int8 file's outputs.

    Raises:
        InputError: The files have different numbers of outputs.
    """
    if len(int8.outputs) != len(original.outputs):
        raise InputError(
            f"{original.file} has {len(original.outputs)} outputs and {int8.file} has {len(int8.outputs)}: "
            "it is the float file of another network"
        )
    return dict(zip(int8.outputs, original.outputs, strict=True))


def require_one_input(file: Path, inputs: Sequence[object]) -> None:
    """Refuse a network with several inputs.

    Raises:
        InputError: It has several, or none.
    """
    if len(inputs) != 1:
        raise InputError(f"{file} has {len(inputs)} inputs; a network with one image can be diagnosed")


class Wiring:
    """The operation that computes each tensor of a graph.

    Args:
        nodes: The operations, in an order of execution.
    """

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._nodes = nodes
        self._maker = {tensor: index for index, node in enumerate(nodes) for tensor in node.outputs}

    def behind(
        self, targets: Iterable[str], known: Collection[str]
    ) -> tuple[tuple[GraphNode, ...], tuple[str, ...]]:
        """Return the operations that compute some tensors from known ones.

        Args:
            targets: The tensors; each is computed even if it is known.
            known: Tensors that need not be computed.

        Returns:
            The operations in order, and the known tensors and graph inputs that they read.

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

    Operations whose result has no counterpart belong to the next point's piece.

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
