"""A classifier of the zoo as a backbone that returns feature maps at strides 8, 16 and 32.

Layers keep their names, so ImageNet weights load after a prefix is added to their keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgecnn.core.errors import UsageError
from edgecnn.core.text import unknown_name
from edgecnn.models import zoo

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIDES = (8, 16, 32)
_PREFIX = "backbone."
_PROBE = 64

# The layers before a classifier's head, in order; "name.*" means the children of a module.
_LAYERS: Mapping[str, tuple[str, ...]] = {
    "mobilenetv2": ("features*",),
    "mobilenetv4-conv-small": ("conv_stem", "bn1", "blocks*"),
    "mobilenetv4-conv-medium": ("conv_stem", "bn1", "blocks*"),
    "efficientnet-lite0": ("conv_stem", "bn1", "blocks*"),
    "efficientnet-lite1": ("conv_stem", "bn1", "blocks*"),
    "efficientnet-lite2": ("conv_stem", "bn1", "blocks*"),
}
BACKBONES = tuple(_LAYERS)


class Backbone(nn.Module):
    """The layers of a classifier up to its last feature map of stride 32.

    Args:
        name: The zoo's name of the classifier, one of :data:`BACKBONES`.
        in_channels: Channels of the image.
        arguments: Further arguments of its builder, such as ``width``.

    Attributes:
        channels: Channels of the maps at :data:`STRIDES`.

    Raises:
        UsageError: The name is not a backbone.
    """

    def __init__(self, name: str, in_channels: int, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        if name not in _LAYERS:
            raise unknown_name("backbone", name, BACKBONES)
        entry = zoo.find(name)
        network: nn.Module = zoo.import_function(entry.builder)(
            classes=1, in_channels=in_channels, **entry.arguments, **arguments
        )
        order = [layer for pattern in _LAYERS[name] for layer in _expand(network, pattern)]
        self._order, self._taps, self.channels = _cut(network, order, in_channels)
        for layer in self._order:
            self._adopt(layer, network.get_submodule(layer))

    def _adopt(self, name: str, layer: nn.Module) -> None:
        """Register a layer under the name that it has in the classifier."""
        parent, _, leaf = name.rpartition(".")
        if parent and not hasattr(self, parent):
            self.add_module(parent, nn.Module())
        self.get_submodule(parent).add_module(leaf, layer)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images ``[N, C, H, W]`` to feature maps at strides 8, 16 and 32."""
        maps, x = [], images
        for name in self._order:
            x = self.get_submodule(name)(x)
            if name in self._taps:
                maps.append(x)
        return maps


def _expand(network: nn.Module, pattern: str) -> list[str]:
    if not pattern.endswith("*"):
        return [pattern]
    parent = pattern[:-1]
    return [f"{parent}.{name}" for name, _ in network.get_submodule(parent).named_children()]


@torch.no_grad()
def _cut(network: nn.Module, order: list[str], in_channels: int) -> tuple[list[str], list[str], list[int]]:
    """Return the layers up to the last tap, the last layer of each stride, and the channels there.

    MobileNet's 1x1 convolution before the pooling is left out because only the classifier uses it.
    """
    last: dict[int, tuple[str, int]] = {}
    x, modes = torch.zeros(1, in_channels, _PROBE, _PROBE), network.training
    network.eval()
    for name in order:
        x = network.get_submodule(name)(x)
        stride = _PROBE // x.shape[-1]
        is_head = stride in last and x.shape[1] > 2 * last[stride][1] and stride == STRIDES[-1]
        if not is_head:
            last[stride] = (name, x.shape[1])
    network.train(modes)
    if not set(STRIDES) <= last.keys():
        raise UsageError(f"the backbone's strides are {sorted(last)}, but a detector needs {STRIDES}")
    taps = [last[stride][0] for stride in STRIDES]
    return order[: order.index(taps[-1]) + 1], taps, [last[stride][1] for stride in STRIDES]


def rename_keys(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Rename the keys of a classifier's published weights to those of a detector's backbone.

    Keys of a whole detector stay unchanged, and the caller reports keys that do not fit.
    """
    if any(key.startswith(_PREFIX) for key in state):
        return state
    rename = zoo.find(str(module.backbone_name)).rename
    if rename is not None:
        state = zoo.import_function(rename)(state, module.get_submodule(_PREFIX.rstrip(".")))
    own = module.state_dict()
    return own | {key: value for name, value in state.items() if (key := f"{_PREFIX}{name}") in own}
