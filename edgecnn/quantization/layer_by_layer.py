"""Correction of a network layer by layer, with the float and the quantized network side by side.

The correction of a layer needs the layer's input on the device: the outputs of all quantized and already
corrected layers before it. Executing the network anew for each layer would take time quadratic in its depth.
Instead both networks advance together for all images, and each layer is corrected when it is reached. Tensors
are freed after their last use, batch by batch, and the float network goes from one narrow place to the next:
at the widest place of a network the memory holds one tensor of all images.
"""

from __future__ import annotations

from collections import ChainMap, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgecnn.core.doing import say
from edgecnn.quantization.execution import NodeValues, batches, compute, last_uses, operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, fx

    from edgecnn.quantization.graph import FusedLayer
    from edgecnn.quantization.simulate import Simulator

_TRIMMED = 0.1
"""Share of a channel's differences that is left out at each end."""

_MAX_PLACES = 8192
"""Number of positions from which a channel's correction is estimated."""

_FEW_BYTES = 1 << 27
"""Size of the values of all images at which the float network waits for the quantized one."""


@dataclass(frozen=True)
class Turn:
    """The layer that the walk has reached.

    Attributes:
        layer: The layer.
        node: Its convolution or matrix product in the program.
        inputs: Its inputs in the quantized network, batches of ``[N, I, H, W]`` or ``[N, I]``.
        sums: Its sums in the float network before batch norm and activation, including its own bias, in the
            same batches.
    """

    layer: FusedLayer
    node: fx.Node
    inputs: list[Tensor]
    sums: list[Tensor]


def walk(
    simulator: Simulator, images: Tensor, choose_weights: Callable[[Turn], Tensor] | None = None
) -> dict[str, Tensor]:
    """Correct the bias of every layer in the order of execution, and optionally its weights first.

    A bias is corrected by the mean difference of each channel's sums in both networks: the empirical bias
    correction of Nagel et al. 2019 (arXiv:1906.04721, section 4.2 and appendix D). The mean is trimmed: if a
    range clips rare large values, their loss would shift every other position (on MobileNetV2 the plain mean
    costs 5 dB). A layer that shares its weights or cannot have a bias is executed without correction.

    Args:
        simulator: Simulator with weights and activation grids; its ``weights`` are replaced by the chosen
            ones.
        images: float32 ``[N, C, H, W]``.
        choose_weights: Returns a layer's quantized weights, in the shape of the float ones.

    Returns:
        Correction of each layer's bias, float32 ``[O]``, by the layer's name.
    """
    graph = simulator.graph
    layers = {layer.node: layer for layer in graph.layers if not layer.shared}
    exact = _Exact(simulator, images, ahead=choose_weights is None)
    quantized = _Quantized(simulator, images)
    added: dict[str, Tensor] = {}
    for node in operations(graph.program):
        exact.reach(node)
        layer = layers.get(node.name)
        if layer is None:
            quantized.write(node)
            continue
        say(f"correcting layer {layer.name}")
        if choose_weights is not None:
            turn = Turn(layer, node, quantized.inputs(node), exact.sums(node))
            simulator.weights[simulator.placeholder(layer.weight)] = choose_weights(turn)
        quantized.compute(node)
        sample = exact.samples.pop(node.name)
        if layer.bias is not None or layer.batch_norm is not None:
            added[layer.name] = quantized.align(layer, sample)
        quantized.round(node)
    return added


@dataclass(frozen=True)
class _Sample:
    """Some positions of a layer's sums in the float network.

    Attributes:
        stride: Every position of this stride is taken.
        rows: The positions in each batch, ``[P, O]``.
    """

    stride: int
    rows: list[Tensor]


class _Exact:
    """The values of the float network: a dictionary by node for each batch.

    Args:
        simulator: Its state holds the weights.
        images: float32 ``[N, C, H, W]``.
        ahead: Whether it may be executed further than asked, to where few values are needed later. Tensors
            between two such places exist for one batch at a time.

    Attributes:
        samples: The sums of the layers that were reached, by node.
    """

    def __init__(self, simulator: Simulator, images: Tensor, *, ahead: bool) -> None:
        graph = simulator.graph
        self.samples: dict[str, _Sample] = {}
        self._state, self._ended, self._ahead = simulator.state, last_uses(graph.program), ahead
        self._layers = {layer.node: layer for layer in graph.layers if not layer.shared}
        self._left = deque(operations(graph.program))
        self._values: list[NodeValues] = [{graph.input: batch} for batch in batches(images, graph.batch)]
        self._batches = len(images) / len(self._values[0][graph.input])

    def reach(self, node: fx.Node) -> None:
        """Execute the network to this operation or further."""
        if not self._left or self._left[0] is not node:
            return
        first, *others = self._values
        done: list[fx.Node] = []
        while not done or (self._left and self._ahead and not self._has_few(first)):
            done.append(self._left.popleft())
            self._compute(done[-1], first)
        for values in others:
            for operation in done:
                self._compute(operation, values)

    def sums(self, node: fx.Node) -> list[Tensor]:
        """Return all values of the operation that was reached, if the network is not executed ahead."""
        return [values[node.name] for values in self._values]

    def _compute(self, node: fx.Node, values: NodeValues) -> None:
        value = values[node.name] = compute(node, ChainMap(values, self._state))
        layer = self._layers.get(node.name)
        if layer is not None:
            axis = _axis(layer)
            if node.name not in self.samples:
                places = round(value.numel() * self._batches) // value.shape[axis]
                self.samples[node.name] = _Sample(-(-places // _MAX_PLACES), [])
            sample = self.samples[node.name]
            sample.rows.append(_rows(value, axis, sample.stride).clone())
        for name in self._ended.get(node.name, ()):
            del values[name]

    def _has_few(self, values: NodeValues) -> bool:
        """Return whether the values of a batch that are needed later are few, or the samples are many."""
        held = sum(value.nbytes for value in values.values() if isinstance(value, torch.Tensor))
        taken = sum(sample.rows[0].nbytes for sample in self.samples.values())
        return held * self._batches <= _FEW_BYTES or taken * self._batches > _FEW_BYTES


class _Quantized:
    """The values of the quantized network: a dictionary by node for each batch."""

    def __init__(self, simulator: Simulator, images: Tensor) -> None:
        graph = simulator.graph
        self._simulator, self._ended = simulator, last_uses(graph.program)
        self._values: list[NodeValues] = [
            {graph.input: simulator.quantize(batch, graph.input)} for batch in batches(images, graph.batch)
        ]

    def inputs(self, node: fx.Node) -> list[Tensor]:
        """Return the values that a layer reads."""
        return [values[node.all_input_nodes[0].name] for values in self._values]

    def write(self, node: fx.Node) -> None:
        """Compute an operation, and round its values if a runtime writes them."""
        written = node.name in self._simulator.points.grid
        self._each(node, self._simulator.written if written else compute)

    def compute(self, node: fx.Node) -> None:
        """Compute an operation without rounding its values."""
        self._each(node, compute)

    def _each(self, node: fx.Node, function: Callable[[fx.Node, Mapping[str, Any]], Any]) -> None:
        for values in self._values:
            held = ChainMap(values, self._simulator.weights, self._simulator.state)
            values[node.name] = function(node, held)
            for name in self._ended.get(node.name, ()):
                del values[name]

    def align(self, layer: FusedLayer, sample: _Sample) -> Tensor:
        """Add the typical difference to a layer's quantized sums, and return it."""
        axis = _axis(layer)
        sums: list[Tensor] = [values[layer.node] for values in self._values]
        parts = [
            exact - _rows(part, axis, sample.stride) for exact, part in zip(sample.rows, sums, strict=True)
        ]
        shift = _trimmed_mean(torch.cat(parts))
        shape = [1] * sums[0].ndim
        shape[axis] = -1
        for part in sums:
            part.add_(shift.reshape(shape))
        return shift

    def round(self, node: fx.Node) -> None:
        """Round the values of a computed operation if a runtime writes them."""
        if node.name in self._simulator.points.grid:
            for values in self._values:
                values[node.name] = self._simulator.quantize(values[node.name], node.name)


def _axis(layer: FusedLayer) -> int:
    """Return the axis of the channels in a layer's sums."""
    return -1 if layer.kind == "linear" else 1


def _rows(sums: Tensor, axis: int, stride: int) -> Tensor:
    """Return every ``stride``-th position of sums as ``[P, O]``; ``axis`` is that of the channels."""
    return sums.movedim(axis, -1).flatten(0, -2)[::stride]


def _trimmed_mean(rows: Tensor) -> Tensor:
    """Return the mean of the middle values of every column of ``[P, O]``."""
    # The same values as rows.sort(dim=0), in a sixth of the time.
    ordered = torch.from_numpy(np.sort(rows.numpy(), axis=0))
    cut = int(_TRIMMED * len(ordered))
    return ordered[cut : len(ordered) - cut].mean(dim=0)
