"""What a training leaves: an ordinary checkpoint, the grid of its weights, and the ranges of its activations.

No converted graph leaves the training. The weights lie on the grid that the training used, so every native
quantizer finds them again without rounding anything, and the ranges find their tensors by what they hold.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from edgecnn.quantization.fold import fold_batch_norm, tensors
from edgecnn.quantization.given_ranges import GivenRanges
from edgecnn.quantization.graph import trace
from edgecnn.quantization.qat.observe import grid_weights, observe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.quantization.qat.network import GraphNetwork


@dataclass(frozen=True)
class Extraction:
    """A trained int8 network as data.

    Attributes:
        module: Batch norm folded, weights on their grid; computes in float what the training rounded.
        grid: ``NAME.weight``, float32 ``[O, I, kh, kw]`` or ``[O, I]``, and ``NAME.scale``, float32 ``[O]``.
        ranges: Of the activations, with the fingerprints of ``module``'s float tensors.
    """

    module: nn.Module
    grid: dict[str, Tensor]
    ranges: GivenRanges


def extract(network: GraphNetwork, module: nn.Module, calibration: PreparedSet) -> Extraction:
    """Take the trained network out of its training graph.

    Args:
        network: At the end of its training.
        module: The network that the training started from; left alone.
        calibration: The images that every format will be quantized with.
    """
    contract = calibration.contract
    example = torch.zeros(1, contract.channels, contract.height, contract.width)
    folded = trained_module(network, module)
    traced = trace(folded, example)
    fold_batch_norm(folded, traced)
    held = tensors(folded)
    rounded = grid_weights(network, example)
    grid = {}
    for layer in traced.layers:
        weight, scales = rounded[layer.node]
        held[layer.weight].copy_(weight)
        grid[layer.weight] = weight
        grid[f"{layer.weight.removesuffix('.weight')}.scale"] = scales
    seen, _ = observe(network, calibration)
    ranges = {name: place.grid_range for name, place in network.fake_quantizes().items()}
    return Extraction(folded, grid, GivenRanges(ranges, seen))


def trained_module(network: GraphNetwork, module: nn.Module) -> nn.Module:
    """Return the network that a graph was captured from, with the graph's weights and statistics."""
    trained = copy.deepcopy(module)
    keys = set(trained.state_dict())
    trained.load_state_dict(trained.state_dict() | network.parameters_and_buffers(keys))
    return trained.eval()
