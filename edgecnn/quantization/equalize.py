"""Cross-layer equalization: scales channels that share a grid so that their ranges use it.

Nagel et al. 2019 (arXiv:1906.04721, section 4.1) scale a channel down where one layer writes it and up where
the next reads it, so that the weights of both have even ranges. Weights with one scale per output channel no
longer need this; but the activation between the layers still has a single scale. The same transformation is
used here for that activation, with the objective of Xiao et al. 2022 (SmoothQuant, arXiv:2211.10438): a
channel is scaled by the square root of the ratio of its activations' range to its weights' range. If only
depthwise layers read it, whose weights have one scale per channel, it is scaled by the whole range of its
activations.

The result is exact for linear layers, ReLU and pooling. A channel that ReLU6 clips on the calibration images
stays unchanged; other channels before ReLU6 are only raised, up to a margin below the clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.core.doing import say
from edgecnn.quantization.fold import read_bias, tensors, write_bias
from edgecnn.quantization.scalable_channels import find_shared_channels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from edgecnn.quantization.extents import Extent
    from edgecnn.quantization.graph import FusedLayer, Graph
    from edgecnn.quantization.scalable_channels import SharedChannels

_CLIP = 6.0
_MARGIN = 1.25
"""Least ratio of ReLU6's clip to the largest calibration value of a raised channel."""

_SMALLEST, _LARGEST = 1 / 16, 16.0
"""Limits of the factors, so that a channel of almost no signal is not raised without bound."""


def equalize(module: nn.Module, graph: Graph, extents: Mapping[str, Extent]) -> dict[str, Tensor]:
    """Scale the channels of a folded network, in place.

    Args:
        module: The network, batch norms folded.
        graph: Its trace.
        extents: Ranges of the channels on the calibration images, by node, as the network observed them
            (:meth:`edgecnn.quantization.simulate.Simulator.observe`).

    Returns:
        Divisor of each channel, float32 ``[C]``, by the name of the first layer that writes it; 1 for dead
            and constant channels.
    """
    divisors: dict[str, Tensor] = {}
    state = tensors(module)
    for group in find_shared_channels(graph):
        say(f"equalizing the channels of layer {group.writers[0].name}")
        divisor = _divisor(group, extents, state)
        for layer in group.writers:
            _divide_outputs(state, layer, divisor)
        for layer in group.readers:
            _multiply_inputs(state, layer, divisor)
        divisors[group.writers[0].name] = divisor
    return divisors


def _divisor(group: SharedChannels, extents: Mapping[str, Extent], state: dict[str, Tensor]) -> Tensor:
    """Return the divisor of each channel, float32 ``[C]``, 1 for the widest."""
    activations = torch.stack([extents[name].usual for name in group.tensors]).amax(dim=0)
    alive = activations > 0.0
    wanted = activations
    if any(layer.kind != "depthwise" for layer in group.readers):
        weights = [_by_input(state[layer.weight], layer.groups).abs().amax(dim=1) for layer in group.readers]
        widest = torch.stack(weights).amax(dim=0)
        alive &= widest > 0.0
        wanted = torch.sqrt(activations / widest.clamp_min(torch.finfo(torch.float32).tiny))
    if not bool(alive.any()):
        return torch.ones_like(wanted)
    wanted = wanted / wanted[alive].max()
    if group.clipped:
        reached = torch.stack([extents[name].high for name in group.clipped]).amax(dim=0)
        wanted = torch.maximum(wanted, (reached * _MARGIN / _CLIP).clamp_max(1.0))
    return torch.where(alive, wanted.clamp(_SMALLEST, _LARGEST), torch.ones_like(wanted))


def _divide_outputs(state: Mapping[str, Tensor], layer: FusedLayer, divisor: Tensor) -> None:
    weight = state[layer.weight]
    weight.div_(divisor.reshape(-1, *(1,) * (weight.ndim - 1)))
    bias = read_bias(state, layer)
    if bias is not None:
        write_bias(state, layer, bias / divisor)


def _multiply_inputs(state: Mapping[str, Tensor], layer: FusedLayer, divisor: Tensor) -> None:
    weight = state[layer.weight]
    factor = divisor.reshape(layer.groups, 1, -1, *(1,) * (weight.ndim - 2))
    weight.copy_((weight.reshape(layer.groups, -1, *weight.shape[1:]) * factor).flatten(0, 1))


def _by_input(weight: Tensor, groups: int) -> Tensor:
    """Return weights ``[O, I / groups, ...]`` as ``[I, weights that read the channel]``."""
    inputs = weight.shape[1]
    return (
        weight.reshape(groups, -1, inputs, weight[0, 0].numel()).transpose(1, 2).reshape(groups * inputs, -1)
    )
