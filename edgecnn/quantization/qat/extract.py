"""Results of a training: an ordinary checkpoint, the grid of its weights, and its activation ranges.

The training graph itself is not exported. The weights are on the training's grid, so that every native
quantizer finds the same grid without rounding, and ranges are assigned to tensors by the tensors' values.
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
        module: Network with folded batch norms and weights on their grid; it computes in float.
        grid: ``NAME.weight``, float32 ``[O, I, kh, kw]`` or ``[O, I]``, and ``NAME.scale``, float32 ``[O]``.
        ranges: Activation ranges, with the fingerprints of ``module``'s float tensors.
    """

    module: nn.Module
    grid: dict[str, Tensor]
    ranges: GivenRanges


def extract(network: GraphNetwork, module: nn.Module, calibration: PreparedSet) -> Extraction:
    """Extract the trained network from its training graph.

    Args:
        network: The training graph at the end of its training.
        module: The network that the training started from; it is not changed.
        calibration: Images that every format is quantized with.
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
    """Return a copy of the original network with the graph's weights and statistics."""
    trained = copy.deepcopy(module)
    keys = set(trained.state_dict())
    trained.load_state_dict(trained.state_dict() | network.parameters_and_buffers(keys))
    return trained.eval()
