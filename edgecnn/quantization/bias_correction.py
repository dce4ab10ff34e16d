"""Bias correction: rounding weights shifts the mean of every channel, and a bias can shift it back.

Nagel et al. 2019 (arXiv:1906.04721, section 4.2) and Finkelstein et al. 2019 (arXiv:1906.03193). The fast
form takes the mean input of each layer from one pass of the float network and corrects only for the rounding
of the layer's weights. The full form compares both networks layer by layer, and so also corrects for clipped
and rounded activations and for all layers before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.quantization.execution import NodeValues, batches, compute, last_uses, operations
from edgecnn.quantization.fold import read_bias, tensors, write_bias
from edgecnn.quantization.layer_by_layer import walk

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edgecnn.quantization.graph import FusedLayer, Graph
    from edgecnn.quantization.simulate import Simulator


def correct_fully(simulator: Simulator, images: Tensor) -> dict[str, Tensor]:
    """Return the correction of each bias, ``[O]`` by layer name, from a comparison of both networks.

    Args:
        simulator: Simulator with activation grids.
        images: Calibration images, float32 ``[N, C, H, W]``.
    """
    return walk(simulator, images)


def correct_quickly(simulator: Simulator, images: Tensor) -> dict[str, Tensor]:
    """Return the correction of each bias, ``[O]`` by layer name, from the mean of each layer's float inputs.

    The correction is the response of the weights' rounding error to the mean input, with the opposite sign.
    Padding counts as input of the mean value.

    Args:
        simulator: Provides the weights; activation grids are not needed.
        images: Calibration images, float32 ``[N, C, H, W]``.
    """
    graph, added = simulator.graph, {}
    means = _input_means(graph, simulator.state, images)
    for layer in graph.layers:
        if not layer.shared and (layer.bias is not None or layer.batch_norm is not None):
            name = simulator.placeholder(layer.weight)
            error = simulator.weights[name] - simulator.state[name]
            added[layer.name] = -_response(error, means[layer.name], layer.groups)
    return added


def apply(module: nn.Module, graph: Graph, added: dict[str, Tensor]) -> None:
    """Add corrections to the biases of a folded network, in place."""
    state = tensors(module)
    for name, shift in added.items():
        bias = read_bias(state, graph[name])
        if bias is not None:
            write_bias(state, graph[name], bias + shift)


def _input_means(graph: Graph, state: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
    """Return the mean of every input channel of every layer, float32 ``[I]``, in the float network."""
    layers: dict[str, FusedLayer] = {layer.node: layer for layer in graph.layers}
    ended = last_uses(graph.program)
    total: dict[str, Tensor] = {}
    for batch in batches(images, graph.batch):
        values: NodeValues = {**state, graph.input: batch}
        for node in operations(graph.program):
            if node.name in layers:
                layer = layers[node.name]
                source = values[node.all_input_nodes[0].name]
                channels = source if layer.kind == "linear" else source.movedim(1, -1)
                share = len(batch) / len(images)
                mean = channels.flatten(0, -2).mean(dim=0) * share
                total[layer.name] = total.get(layer.name, torch.zeros_like(mean)) + mean
            values[node.name] = compute(node, values)
            for name in ended.get(node.name, ()):
                del values[name]
    return total


def _response(weight: Tensor, mean: Tensor, groups: int) -> Tensor:
    """Return the response of weights ``[O, I / groups, ...]`` to the mean input ``[I]``, ``[O]``."""
    summed = weight.flatten(2).sum(dim=2) if weight.ndim > 2 else weight
    grouped = summed.reshape(groups, -1, summed.shape[1])
    return torch.einsum("goi,gi->go", grouped, mean.reshape(groups, -1)).flatten()
