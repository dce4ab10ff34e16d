"""Float values of a training graph's int8 tensors on calibration images, and their first ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx

from edgecnn.quantization.qat.fake_quantize import ActivationFakeQuantize, PerChannelWeightFakeQuantize
from edgecnn.quantization.ranges import BLENDS, Observations, Range, choose
from edgecnn.training.batches import to_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.quantization.qat.network import GraphNetwork
    from edgecnn.quantization.ranges import Choice
    from edgecnn.quantization.sqnr import Answer

_BATCH = 32


@torch.no_grad()
def observe(network: GraphNetwork, images: PreparedSet) -> tuple[Observations, list[Answer]]:
    """Observe every tensor with a range, with quantized weights and activations in float.

    Args:
        network: A prepared network; it is put into evaluation mode.
        images: The calibration images.

    Returns:
        The observations, with tensors named by their nodes, and the network's outputs for every image.

    Raises:
        InputError: There is no image, or a tensor is not finite.
    """
    network.eval()
    rows: list[dict[str, tuple[float, float]]] = []
    truth: list[Answer] = []
    for batch in _batches(network, images, range(len(images))):
        recorder = _Recorder(network)
        truth += _answers(recorder.run(batch))
        rows += [
            {name: (float(low[index]), float(high[index])) for name, (low, high) in recorder.bounds.items()}
            for index in range(len(batch))
        ]
    return Observations.gather(rows), truth


@torch.no_grad()
def estimate_ranges(network: GraphNetwork, images: PreparedSet) -> Choice:
    """Give every tensor the range of post-training quantization.

    Args:
        network: A prepared network; it is put into evaluation mode.
        images: The calibration images.

    Raises:
        InputError: There is no image, or a tensor is not finite.
    """
    seen, truth = observe(network, images)

    def quantized(ranges: dict[str, Range], indices: Sequence[int]) -> list[Answer]:
        set_ranges(network, ranges)
        return [row for batch in _batches(network, images, indices) for row in _answers(network.graph(batch))]

    choice = choose(seen, network.outputs(), BLENDS, truth, quantized)
    set_ranges(network, choice.ranges)
    return choice


def set_ranges(network: GraphNetwork, ranges: Mapping[str, Range]) -> None:
    """Set every tensor's range; tensors that share a module get a range that contains all of theirs."""
    shared: dict[int, Range] = {}
    modules = network.fake_quantizes()
    for name, module in modules.items():
        own, others = ranges[name], shared.get(id(module), ranges[name])
        shared[id(module)] = Range(min(own.low, others.low), max(own.high, others.high))
    for module in modules.values():
        module.set_range(shared[id(module)])


def _batches(network: GraphNetwork, images: PreparedSet, indices: Sequence[int]) -> Iterator[Tensor]:
    chosen, device = np.asarray(indices), network.ranges_final.device
    for start in range(0, len(chosen), _BATCH):
        pixels = images.images[chosen[start : start + _BATCH]]
        yield to_input(pixels, images.contract, device)


def _answers(outputs: Sequence[Tensor]) -> list[Answer]:
    """Convert outputs ``[N, ...]`` into one tuple of flat arrays per image."""
    return list(zip(*(output.flatten(1).cpu().numpy() for output in outputs), strict=True))


@torch.no_grad()
def grid_weights(network: GraphNetwork, example: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Return every layer's folded weights on their grid, ``[O, ...]``, and its scales ``[O]``, by node name.

    Args:
        network: A prepared network.
        example: An input, float32 ``[1, C, H, W]``.
    """
    recorder = _Recorder(network.eval())
    recorder.run(example)
    return recorder.weights


class _Recorder(fx.Interpreter):
    """Execution of a graph without rounding of activations, which records their bounds and the weights.

    Attributes:
        bounds: Smallest and largest value of every image, each ``[N]``, by node name.
        weights: Weights on the grid and their scales, by the layer's node name.
    """

    def __init__(self, network: GraphNetwork) -> None:
        super().__init__(network.graph)
        self.bounds: dict[str, tuple[Tensor, Tensor]] = {}
        self.weights: dict[str, tuple[Tensor, Tensor]] = {}

    def run_node(self, n: fx.Node) -> Any:
        module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
        if isinstance(module, ActivationFakeQuantize):
            value: Tensor = self.env[n.all_input_nodes[0]]
            inner = tuple(range(1, value.ndim))
            self.bounds[n.name] = (value.amin(dim=inner), value.amax(dim=inner))
            return value
        result = super().run_node(n)
        if isinstance(module, PerChannelWeightFakeQuantize):
            scales, _ = module.calculate_qparams(self.env[n.all_input_nodes[0]])
            for layer in n.users:
                self.weights[layer.name] = (result, scales)
        return result
