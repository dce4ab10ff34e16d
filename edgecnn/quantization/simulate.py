"""Simulation of the int8 network in torch with fake quantization, switchable layer by layer.

One model of quantization serves every format (Jacob et al. 2018, arXiv:1712.05877): weights are symmetric
with one scale per output channel, on the grid of a scheme (:mod:`edgecnn.quantization.grids`); activations
are affine with one grid of 256 levels per tensor (:mod:`edgecnn.quantization.quantized_tensors`), with ranges
estimated as for the real files (:mod:`edgecnn.quantization.ranges`). Sums stay float. Differences between
runtimes are in :class:`edgecnn.quantization.kernels.Kernels`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgecnn.core.doing import say
from edgecnn.quantization.execution import (
    NodeValues,
    batches,
    compute,
    ends_a_sum,
    last_uses,
    operations,
    output_nodes,
)
from edgecnn.quantization.extents import Extent, Extremes, by_channel
from edgecnn.quantization.grids import LEVELS, affine_grid, on_grid, weight_scales
from edgecnn.quantization.operators import ACTIVATIONS, GATES, SIGMOIDS, gated, is_operator
from edgecnn.quantization.quantized_tensors import quantization_points
from edgecnn.quantization.ranges import BLENDS, GATE_LIMIT, SIGMOID_LIMIT, Observations, channel_name, choose
from edgecnn.quantization.scalable_channels import scalable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torch import Tensor, fx, nn

    from edgecnn.quantization.graph import Graph
    from edgecnn.quantization.kernels import Kernels, Scheme
    from edgecnn.quantization.operators import Target
    from edgecnn.quantization.ranges import Choice, Range
    from edgecnn.quantization.sqnr import Answer

_HIGHEST = LEVELS - 1

_CLIPS: dict[Target, float] = {torch.ops.aten.relu.default: math.inf, torch.ops.aten.relu6.default: 6.0}
"""Largest result of operations whose smallest is zero and that change no value between."""


@dataclass(frozen=True)
class Observed:
    """Values that the float network computes of a set of images, from one execution.

    Attributes:
        seen: Smallest and largest value of every grid, image by image.
        outputs: All outputs of an image, flattened, float32 ``[N, values]``.
        extents: Ranges of channels by node: of what is quantized or may be scaled, and of layers' results.
    """

    seen: Observations
    outputs: Tensor
    extents: dict[str, Extent]


class Simulator:
    """Executor of a network as a runtime would execute it after quantization.

    Args:
        module: The network, with batch norms folded.
        graph: Its trace.
        kernels: Properties of the runtime's integer kernels.

    Attributes:
        graph: The trace.
        kernels: Properties of the runtime's integer kernels.
        points: The quantized tensors.
        sizes: Number of values of every output.
        state: Float value of every placeholder of the program; :meth:`load` reads it from a module.
        weights: Quantized weights that replace the float ones, by placeholder.
        grids: Scale and zero point of every activation grid; empty before :meth:`fit`.
    """

    def __init__(self, module: nn.Module, graph: Graph, kernels: Kernels) -> None:
        self.graph, self.kernels = graph, kernels
        fused = frozenset(target for target, name in ACTIVATIONS.items() if name in kernels.fused)
        self.points = quantization_points(graph, fused)
        self.grids: dict[str, tuple[float, int]] = {}
        self._channel_grids: dict[str, tuple[Tensor, Tensor]] = {}
        self._placeholder = {key: name for name, key in graph.keys.items()}
        self._operations, self._ended = operations(graph.program), last_uses(graph.program)
        self._channels = self._by_channel() if kernels.channel_grids else {}
        self._clips = {node.name: _CLIPS[node.target] for node in self._operations if ends_a_sum(node)}  # type: ignore[index]
        self._watched = self.points.grid.keys() | scalable(graph) | {layer.output for layer in graph.layers}
        returned = output_nodes(graph.program)
        self._outputs = [node.name for node in returned]
        self.sizes = tuple(math.prod(node.meta["val"].shape[1:]) for node in returned)
        self.load(module)

    def load(self, module: nn.Module) -> None:
        """Read the module's current weights, and round them to the nearest grid points."""
        self.state = self.graph.state(module)
        self.weights: dict[str, Tensor] = {}
        self.leave_in_float(())

    def leave_in_float(self, layers: Collection[str]) -> None:
        """Execute these layers and the operations between them in float, all others with rounded weights."""
        self._in_float = self.points.in_float(layers, [layer.name for layer in self.graph.layers])
        for layer in self.graph.layers:
            name = self._placeholder[layer.weight]
            self.weights[name] = (
                self.state[name]
                if layer.name in layers
                else nearest(self.state[name], self.kernels.weights, depthwise=layer.kind == "depthwise")
            )

    def _by_channel(self) -> dict[str, int]:
        """Return the tensors that only depthwise layers read, with their numbers of channels."""
        depthwise = {layer.node for layer in self.graph.layers if layer.kind == "depthwise"}
        return {
            node.name: node.meta["val"].shape[1]
            for node in self._operations
            if self.points.grid.get(node.name) == node.name
            and node.name not in self.points.outputs
            and {user.name for user in node.users} <= depthwise
        }

    def placeholder(self, key: str) -> str:
        """Return the placeholder of a parameter or buffer."""
        return self._placeholder[key]

    def fit(self, images: Tensor, observed: Observed) -> Choice:
        """Estimate the ranges of all activations, and use them from now on.

        Args:
            images: float32 ``[N, C, H, W]``.
            observed: What the float network computes of them.
        """
        truth = answers(observed.outputs, self.sizes)

        def quantized(ranges: dict[str, Range], indices: Sequence[int]) -> list[Answer]:
            self.use(ranges)
            return answers(self.run(images[list(indices)]), self.sizes)

        choice = choose(observed.seen, self.points.outputs, BLENDS, truth, quantized)
        self.use(choice.ranges)
        return choice

    def observe(self, images: Tensor) -> Observed:
        """Execute the float network on images, float32 ``[N, C, H, W]``, and return what it computes."""
        say("measuring the ranges of all tensors and channels")
        rows: list[dict[str, tuple[float, float]]] = []
        outputs, extents = [], dict[str, Extent]()
        for batch in batches(images, self.graph.batch):
            extremes = Extremes()
            values: NodeValues = {**self.state, self.graph.input: batch}
            self._note(self.graph.input, batch, extremes)
            for node in self._operations:
                value = values[node.name] = compute(node, values)
                if node.name in self._watched:
                    extent = self._note(node.name, value, extremes, len(batch) / len(images))
                    before = extents.get(node.name)
                    extents[node.name] = extent if before is None else before.with_more(extent)
                self._free(values, node.name)
            rows += extremes.rows()
            outputs.append(self._flat(values))
        seen = Observations.gather(rows).within(self._readers(SIGMOIDS), SIGMOID_LIMIT)
        seen = seen.above(self._readers(GATES) | gated(self._operations), GATE_LIMIT)
        return Observed(seen, torch.cat(outputs), extents)

    def _note(self, node: str, value: Tensor, extremes: Extremes, share: float = 1.0) -> Extent:
        """Add the values of a node to its grid's, and return the extent of its channels."""
        low, high = by_channel(value)
        if node in self._channels:
            for at in range(low.shape[1]):
                extremes.add(channel_name(node, at), low[:, at], high[:, at])
        elif node in self.points.grid:
            extremes.add(self.points.grid[node], low.amin(dim=1), high.amax(dim=1))
        return Extent.of(low, high, share)

    def _readers(self, targets: Collection[Target]) -> set[str]:
        """Return the tensors that only some operations read."""
        return {
            node.name
            for node in self._operations
            if node.users and all(is_operator(user, targets) for user in node.users)
        }

    def use(self, ranges: dict[str, Range]) -> None:
        """Quantize activations to these ranges, each widened to contain zero."""
        self.grids = {name: activation_grid(bounds) for name, bounds in ranges.items()}
        for name, count in self._channels.items():
            parts = [self.grids[channel_name(name, at)] for at in range(count)]
            scales, zeros = (torch.tensor(ends).reshape(-1, 1, 1) for ends in zip(*parts, strict=True))
            self._channel_grids[name] = scales, zeros

    def quantize(self, value: Tensor, node: str) -> Tensor:
        """Return the value that a runtime would write for this node."""
        if self.points.grid[node] in self._in_float:
            return value
        if node in self._channels:
            scales, zeros = self._channel_grids[node]
            return value.div(scales).round_().clamp_(-zeros, _HIGHEST - zeros).mul_(scales)
        scale, zero = self.grids[self.points.grid[node]]
        # The same values as torch.fake_quantize_per_tensor_affine, in a third of the time.
        return value.mul(1.0 / scale).round_().clamp_(-zero, _HIGHEST - zero).mul_(scale)

    def written(self, node: fx.Node, values: Mapping[str, Any]) -> Tensor:
        """Return the value that a runtime would write for this node, from the values of its input nodes.

        A ReLU or ReLU6 of a sum is computed on the grid, in its memory: to multiply by a positive number and
        to round change no order, so the limits may come between the two.
        """
        grid = self.points.grid[node.name]
        if node.name not in self._clips or node.name in self._channels or grid in self._in_float:
            return self.quantize(compute(node, values), node.name)
        scale, zero = self.grids[grid]
        factor = np.float32(1.0 / scale)
        highest = min(float(np.float32(self._clips[node.name]) * factor), _HIGHEST - zero)
        sums: Tensor = values[node.all_input_nodes[0].name]
        return sums.mul_(float(factor)).clamp_(0.0, highest).round_().mul_(scale)

    def run(self, images: Tensor, active: Collection[str] | None = None) -> Tensor:
        """Execute the network with quantized layers.

        Args:
            images: float32 ``[N, C, H, W]``.
            active: Names of the quantized operations (layers, and nodes of other operations): their weights
                are quantized, and every tensor that one of them reads or writes. None quantizes all.

        Returns:
            float32 ``[N, values]``: all outputs of an image, flattened.
        """
        state = self.state | self._active_weights(active)
        grids = {
            grid
            for grid, names in self.points.operations.items()
            if active is None or not names.isdisjoint(active)
        }
        outputs = []
        for batch in batches(images, self.graph.batch):
            values: NodeValues = {**state, self.graph.input: batch}
            if self.points.grid[self.graph.input] in grids:
                values[self.graph.input] = self.quantize(batch, self.graph.input)
            for node in self._operations:
                quantized = self.points.grid.get(node.name) in grids
                values[node.name] = (self.written if quantized else compute)(node, values)
                self._free(values, node.name)
            outputs.append(self._flat(values))
        return torch.cat(outputs)

    def _active_weights(self, active: Collection[str] | None) -> dict[str, Tensor]:
        if active is None:
            return self.weights
        chosen = (self._placeholder[layer.weight] for layer in self.graph.layers if layer.name in active)
        return {name: self.weights[name] for name in chosen}

    def _free(self, values: NodeValues, node: str) -> None:
        for ended in self._ended.get(node, ()):
            del values[ended]

    def _flat(self, values: NodeValues) -> Tensor:
        return torch.cat([values[name].flatten(1) for name in self._outputs], dim=1)


def answers(rows: Tensor, sizes: Sequence[int]) -> list[Answer]:
    """Split rows of ``[N, values]`` into outputs of the given sizes, one tuple per image.

    >>> [[part.tolist() for part in row] for row in answers(torch.tensor([[1.0, 2.0, 3.0]]), (1, 2))]
    [[[1.0], [2.0, 3.0]]]
    """
    parts = np.split(rows.numpy(), np.cumsum(sizes)[:-1], axis=1)
    return list(zip(*parts, strict=True))


def nearest(weight: Tensor, scheme: Scheme, *, depthwise: bool) -> Tensor:
    """Return weights ``[O, ...]`` rounded to a scheme's grid, in float32."""
    return on_grid(weight, weight_scales(weight, scheme, depthwise=depthwise))


def activation_grid(bounds: Range) -> tuple[float, int]:
    """Return scale and zero point of an affine grid of 256 levels that contains zero exactly.

    >>> from edgecnn.quantization.ranges import Range
    >>> activation_grid(Range(-64.0, 191.0)), activation_grid(Range(0.0, 0.0))
    ((1.0, 64), (3.9215686274509805e-11, 0))
    """
    step, zero = affine_grid(bounds.low, bounds.high)
    return float(step), int(zero)
