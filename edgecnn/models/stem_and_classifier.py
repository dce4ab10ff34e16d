"""The first convolution and the last fully connected layer of an image classifier.

They change when a network is adapted to other images or classes, so they are found and replaced in one place
for every family.
"""

from __future__ import annotations

from typing import cast

from torch import nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.described import DescribedNetwork


def find_stem(module: nn.Module) -> tuple[str, nn.Conv2d]:
    """Return the first convolution and its qualified name.

    Raises:
        InputError: The network has no convolution.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d):
            return name, layer
    raise InputError(f"{type(module).__name__} has no 2-D convolution, so it is not an image network")


def classifier_name(module: nn.Module) -> str | None:
    """Return the qualified name of the last fully connected layer; None if there is none."""
    names = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    return names[-1] if names else None


def class_layers(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the class layers: those that the network names itself, or the classifier."""
    if isinstance(module, DescribedNetwork):
        return module.score_layers()
    name = classifier_name(module)
    return () if name is None else (name,)


def replace_stem(module: nn.Module, *, in_channels: int, stride: int | None = None) -> nn.Module:
    """Change the number of input channels or the stride of the first convolution, in place.

    A stem that already fits keeps its weights; with other input channels its weights are drawn at random
    (He et al. 2015, fan-out).

    Args:
        module: The network.
        in_channels: Channels of the image.
        stride: Stride in both directions; None keeps it.

    Returns:
        The same network.

    Raises:
        UsageError: The stride is neither 1 nor 2.
    """
    name, old = find_stem(module)
    if stride is not None:
        if stride not in (1, 2):
            raise UsageError(f"stem_stride {stride!r} is neither 1 nor 2")
        old.stride = (stride, stride)
    if old.in_channels != in_channels:
        new = type(old)(
            in_channels,
            old.out_channels,
            cast("tuple[int, int]", old.kernel_size),
            stride=cast("tuple[int, int]", old.stride),
            padding=cast("tuple[int, int]", old.padding),
            bias=old.bias is not None,
        )
        nn.init.kaiming_normal_(new.weight, mode="fan_out")
        module.set_submodule(name, new)
    return module
