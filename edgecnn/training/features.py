"""Distillation by features: the student learns to be active at the same places as its teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from edgecnn.training.method import Method

Maps = dict[str, Tensor]


@dataclass(frozen=True)
class AttentionTransfer:
    """Attention transfer (Zagoruyko and Komodakis 2017, arXiv:1612.03928), added to another method.

    The attention of a feature map is the mean square over its channels at every place, scaled to length 1. It
    does not depend on the number of channels, so teacher and student may differ in width and no extra layer
    is learnt. The loss grows by ``weight`` times the squared distance of both attentions, summed over
    resolutions.

    Attributes:
        method: The method that this loss is added to.
        teacher: A network with the student's layers; it is put into evaluation mode and does not train.
        student: The network being trained.
        places: Layers whose outputs are compared, by qualified name.
        weight: Factor of the distance.
    """

    method: Method
    teacher: nn.Module
    student: nn.Module
    places: tuple[str, ...]
    weight: float
    _taught: Maps = field(default_factory=dict, init=False, repr=False)
    _answered: Maps = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for network, maps in ((self.teacher, self._taught), (self.student, self._answered)):
            for name in self.places:
                network.get_submodule(name).register_forward_hook(_keeper(maps, name))

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return the identity of the inner method, with the weight of the features."""
        return {"name": "attention transfer", "weight": self.weight, "method": self.method.identity}

    def to(self, device: torch.device) -> None:
        """Move the inner method and the teacher."""
        self.method.to(device)
        self.teacher.to(device).to(memory_format=torch.channels_last)
        self.teacher.eval()

    def before_step(self, share: float) -> None:
        """Prepare the inner method."""
        self.method.before_step(share)

    def loss(self, inputs: Tensor, outputs: Any, targets: Any) -> Tensor:
        """Return the inner method's loss plus the weighted distance of the attentions."""
        self._taught.clear()
        loss = self.method.loss(inputs, outputs, targets)
        if not self._taught:  # the inner method may have run the same teacher, which filled the maps
            with torch.no_grad():
                self.teacher(inputs)
        for name in self.places:
            distance = attention(self._answered[name]) - attention(self._taught[name])
            loss = loss + self.weight * distance.square().sum(1).mean()
        self._answered.clear()
        return loss


def attention(features: Tensor) -> Tensor:
    """Return the attention of a feature map: where it is active, scaled to length 1.

    Args:
        features: ``[N, C, H, W]``.

    Returns:
        float32 ``[N, H * W]``.
    """
    return normalize(features.float().square().mean(1).flatten(1))


@torch.no_grad()
def last_of_each_resolution(module: nn.Module, example: Tensor) -> tuple[str, ...]:
    """Return the names of the last batch norms before the maps shrink or end; without any, of convolutions.

    Args:
        module: The network; left in evaluation mode.
        example: One image, float32 ``[1, C, H, W]``.
    """
    kinds: tuple[type[nn.Module], ...] = (_BatchNorm,)
    if not any(isinstance(layer, kinds) for layer in module.modules()):
        kinds = (nn.Conv2d,)
    seen: dict[tuple[int, ...], str] = {}

    def note(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            if output.ndim == 4 and output.shape[2] * output.shape[3] > 1:  # a single place has no attention
                seen[tuple(output.shape[2:])] = name

        return hook

    hooks = [
        layer.register_forward_hook(note(name))
        for name, layer in module.named_modules()
        if isinstance(layer, kinds)
    ]
    module.eval()(example)
    for hook in hooks:
        hook.remove()
    return tuple(seen.values())


def _keeper(maps: Maps, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
    """Return a hook that keeps a layer's output; a plain function, so that copies of the network share it."""

    def keep(_: nn.Module, __: Any, output: Tensor) -> None:
        maps[name] = output

    return keep
