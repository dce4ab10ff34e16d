"""Build a network from its spec: the one way from data to architecture.

A spec may come from a foreign checkpoint, so building it must not run code that the user did not install
as a network: zoo and library names are looked up in tables, and a ``python:`` factory is checked before it
is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_line
from edgecnn.models.growth import BuildLimits, limited
from edgecnn.models.registry import find_builder
from edgecnn.models.widths import narrow

if TYPE_CHECKING:
    from torch import nn

    from edgecnn.models.spec import ModelSpec

_MAX_CLASSES = 100_000


def build(spec: ModelSpec, limits: BuildLimits | None = None) -> nn.Module:
    """Build the network that a spec describes, with fresh weights, in evaluation mode.

    Fresh weights come from torch's global random generator.

    Args:
        spec: The network's spec.
        limits: Limits on its size; None for those of all networks.

    Raises:
        UsageError: The builder does not exist or does not take the arguments.
        InputError: The widths do not fit this network, its factory does not return a network, or it exceeds
            the limits.
    """
    if not 1 <= len(spec.classes) <= _MAX_CLASSES:
        raise InputError(f"{spec.builder}: {len(spec.classes)} classes are not within 1..{_MAX_CLASSES}")
    try:
        with limited(limits or BuildLimits(), spec.builder):
            module = find_builder(spec.builder).build(spec)
    except MemoryError as error:
        raise InputError(
            f"{spec.builder} with these arguments does not fit in this machine's memory"
        ) from error
    narrow(module, spec.widths)
    return module.eval()


def count_outputs(module: nn.Module, spec: ModelSpec) -> int | None:
    """Run one blank image through a network and return its number of logits; None if it returns maps.

    Raises:
        InputError: The network cannot process an image of the contract's size, or returns no tensors.
    """
    contract = spec.contract
    image = torch.zeros(1, contract.channels, contract.height, contract.width)
    try:
        with torch.inference_mode():
            answer = module(image)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{spec.builder} does not take an image of {list(image.shape)}: {first_line(error)}",
            hint="check the input size and color of the preprocessing",
        ) from error
    outputs = answer if isinstance(answer, tuple | list) else (answer,)
    if not outputs or any(
        not isinstance(output, torch.Tensor) or output.shape[:1] != (1,) for output in outputs
    ):
        shapes = [
            list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            for output in outputs
        ]
        raise InputError(f"{spec.builder} returned {shapes}, not tensors for one image")
    return int(outputs[0].shape[1]) if len(outputs) == 1 and outputs[0].ndim == 2 else None
