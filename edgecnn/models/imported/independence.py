"""The check that an imported network answers several images as it answers each of them.

A file is made for one image. Its network is run, and trained, with many at a time; an operation that treats
the axis of the images as one of its own, such as a reshape to ``[C, -1]``, would then mix them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.settings import unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

_TOLERANCE = 1e-3
"""Largest difference as a share of the largest value; kernels for several images may add in another order."""


def check_independence(module: nn.Module, channels: int, height: int, width: int) -> None:
    """Check with two images of noise that a network answers each as if it were alone.

    Args:
        module: The network; one that is not imported is not checked.
        channels: Channels of its images.
        height: Their height.
        width: Their width.

    Raises:
        InputError: An operation mixes images, or cannot take two; the message names the first.
    """
    if not isinstance(module, ImportedNetwork):
        return
    images = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(0))
    batches = (images[:1], images[1:], images)
    with torch.inference_mode():
        try:
            answers = [_all(module(batch)) for batch in batches]
        except (RuntimeError, IndexError):
            answers = []
        if not answers or not _alike(*answers):
            _name_the_first(module, batches)


def _name_the_first(module: ImportedNetwork, batches: Sequence[Tensor]) -> None:
    """Raise the error that names the first operation that mixes images."""
    runs = [module.steps(batch) for batch in batches]
    for node in module.graph.nodes:
        try:
            results = [next(run) for run in runs]
        except (RuntimeError, IndexError) as error:
            raise unsupported(node, "it does not take more images than one") from error
        if not _alike(*results):
            raise unsupported(node, "it mixes the values of several images")


def _all(answer: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (answer,) if isinstance(answer, torch.Tensor) else answer


def _alike(one: tuple[Tensor, ...], other: tuple[Tensor, ...], both: tuple[Tensor, ...]) -> bool:
    """Return whether results for two images are those of each, one after the other, or of no image at all."""
    return all(
        (_close(whole, part) and _close(rest, part))
        or (part.ndim > 0 and _close(whole, torch.cat([part, rest])))
        for part, rest, whole in zip(one, other, both, strict=True)
    )


def _close(value: Tensor, wanted: Tensor) -> bool:
    if value.shape != wanted.shape:
        return False
    scale = float(wanted.abs().nan_to_num(0.0, 0.0, 0.0).max()) if wanted.numel() else 0.0
    return torch.allclose(value, wanted, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True)
