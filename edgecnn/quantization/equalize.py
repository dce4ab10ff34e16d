"""Cross-layer equalization: channels that share a grid are given ranges that use it.

Nagel et al. 2019 (arXiv:1906.04721, section 4.1) scale a channel down where one layer writes it and up where
the next reads it, so that the weights of both have even ranges. With one weight scale an output channel that
is no longer needed; what still shares one scale is the activation between them. Here the same freedom is used
for it, with the objective of Xiao et al. 2022 (SmoothQuant, arXiv:2211.10438): a channel is scaled by the
square root of its activations' range over its weights', and where depthwise layers alone read it, whose
weight scales follow every channel, by the whole range of its activations.

Exact for linear layers, ReLU and pooling. A channel that ReLU6 clips on the calibration images stays as it
is; others are raised as far as leaves a margin below the clip, and only raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.quantization.fold import read_bias, tensors, write_bias
from edgecnn.quantization.scalable_channels import channel_extents, find_shared_channels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edgecnn.quantization.graph import FusedLayer, Graph
    from edgecnn.quantization.scalable_channels import Extent, SharedChannels

_CLIP = 6.0
_MARGIN = 1.25
"""How far above its largest calibration value a channel may go before ReLU6 clips it."""

_SMALLEST, _LARGEST = 1 / 16, 16.0
"""A channel that hardly says anything is not raised without end."""


def equalize(module: nn.Module, graph: Graph, images: Tensor) -> dict[str, Tensor]:
    """Scale the channels of a folded network, in place.

    Args:
        module: The network, batch norms folded.
        graph: Its trace.
        images: Calibration images, float32 ``[N, C, H, W]``.

    Returns:
        By what each channel was divided, float32 ``[C]``, by the name of the first layer that writes it; dead
        and constant channels by 1.
    """
    extents = channel_extents(graph, graph.state(module), images)
    divisors: dict[str, Tensor] = {}
    for group in find_shared_channels(graph):
        divisor = _divisor(group, extents, tensors(module))
        for layer in group.writers:
            _divide_outputs(module, layer, divisor)
        for layer in group.readers:
            _multiply_inputs(module, layer, divisor)
        divisors[group.writers[0].name] = divisor
    return divisors


def _divisor(group: SharedChannels, extents: dict[str, Extent], state: dict[str, Tensor]) -> Tensor:
    """Return by what to divide each channel, float32 ``[C]``, 1 for the widest."""
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


def _divide_outputs(module: nn.Module, layer: FusedLayer, divisor: Tensor) -> None:
    weight = tensors(module)[layer.weight]
    weight.div_(divisor.reshape(-1, *(1,) * (weight.ndim - 1)))
    bias = read_bias(module, layer)
    if bias is not None:
        write_bias(module, layer, bias / divisor)


def _multiply_inputs(module: nn.Module, layer: FusedLayer, divisor: Tensor) -> None:
    weight = tensors(module)[layer.weight]
    factor = divisor.reshape(layer.groups, 1, -1, *(1,) * (weight.ndim - 2))
    weight.copy_((weight.reshape(layer.groups, -1, *weight.shape[1:]) * factor).flatten(0, 1))


def _by_input(weight: Tensor, groups: int) -> Tensor:
    """Return weights ``[O, I / groups, ...]`` as ``[I, all that read the channel]``."""
    inputs = weight.shape[1]
    return (
        weight.reshape(groups, -1, inputs, weight[0, 0].numel()).transpose(1, 2).reshape(groups * inputs, -1)
    )
