"""Multiply-accumulates and parameters of a network, as functions of its layers' widths."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from edgecnn.models.widths import LAYERS, channels_of, is_depthwise

if TYPE_CHECKING:
    from collections.abc import Mapping

Metric = Literal["macs", "params"]


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer as a function of its width.

    Attributes:
        channels: Input and output channels.
        depthwise: Whether the layer filters every channel separately.
        groups: Groups of channels of a convolution.
        kernel: Weights of one pair of channels; 0 for a layer without a kernel, such as a batch norm.
        positions: Output positions that the kernel is applied at, summed over all calls for one image.
        vectors: Further parameters of every output channel, such as a bias.
    """

    channels: tuple[int, int]
    depthwise: bool = False
    groups: int = 1
    kernel: int = 0
    positions: int = 0
    vectors: int = 0

    @property
    def one_width(self) -> bool:
        """Return whether input and output channels are the same."""
        return self.depthwise or not self.kernel

    def weights(self, inputs: int, outputs: int) -> int:
        """Return the number of weights that are multiplied with an input."""
        return self.kernel * outputs * (inputs // (inputs if self.depthwise else self.groups))

    def macs(self, inputs: int, outputs: int) -> int:
        """Return the multiply-accumulates of one image."""
        return self.positions * self.weights(inputs, outputs)

    def params(self, inputs: int, outputs: int) -> int:
        """Return the number of parameters."""
        return self.weights(inputs, outputs) + self.vectors * outputs


@dataclass(frozen=True)
class NetworkCosts:
    """The costs of a network, layer by layer.

    Attributes:
        layers: Every layer with a width, by qualified name.
    """

    layers: Mapping[str, LayerCost]

    @classmethod
    def of(cls, module: nn.Module, example: Tensor) -> NetworkCosts:
        """Run one image through a network and record its layers; the network is left in evaluation mode.

        Args:
            module: The network.
            example: One image, float32 ``[1, C, H, W]``.
        """
        positions: dict[nn.Module, int] = defaultdict(int)

        def note(layer: nn.Module, _: Any, output: Tensor) -> None:
            positions[layer] += output[0].numel() // channels_of(layer)[1]  # type: ignore[arg-type]

        named = {name: layer for name, layer in module.named_modules() if isinstance(layer, LAYERS)}
        hooks = [layer.register_forward_hook(note) for layer in named.values()]
        try:
            with torch.inference_mode():
                module.eval()(example)
        finally:
            for hook in hooks:
                hook.remove()
        return cls({name: _layer_cost(layer, positions[layer]) for name, layer in named.items()})

    def total(self, metric: Metric, widths: Mapping[str, tuple[int, int]] | None = None) -> int:
        """Return the network's cost; ``widths`` replaces the input and output channels of layers."""
        widths = widths or {}
        return sum(
            getattr(layer, metric)(*widths.get(name, layer.channels)) for name, layer in self.layers.items()
        )


def _layer_cost(layer: nn.Module, positions: int) -> LayerCost:
    assert isinstance(layer, LAYERS)  # noqa: S101 - the caller chose them; tells the type checker
    vectors = sum(parameter.numel() for parameter in layer.parameters(recurse=False) if parameter.ndim == 1)
    channels = channels_of(layer)
    per_channel = vectors // channels[1]
    if isinstance(layer, nn.Conv2d):
        kernel = math.prod(layer.kernel_size)
        return LayerCost(channels, is_depthwise(layer), layer.groups, kernel, positions, per_channel)
    kernel = 1 if isinstance(layer, nn.Linear) else 0
    return LayerCost(channels, kernel=kernel, positions=positions, vectors=per_channel)
