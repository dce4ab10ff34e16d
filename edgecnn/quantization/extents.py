"""Smallest and largest values of tensors and of their channels, over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Values = npt.NDArray[np.float32]

_LONG_ROW = 512
"""Number of values for which one call of NumPy's inner loop costs nothing beside its work."""


@dataclass(frozen=True)
class Extent:
    """Ranges of the channels of a tensor, each float32 ``[C]``.

    Attributes:
        low: Smallest value over all images.
        high: Largest value.
        usual: Mean over the images of the largest magnitude.
    """

    low: Tensor
    high: Tensor
    usual: Tensor

    @classmethod
    def of(cls, low: Tensor, high: Tensor, share: float) -> Extent:
        """Return the extent of some images.

        Args:
            low: Smallest value of every channel of each image, float32 ``[N, C]``.
            high: Largest value, in the same form.
            share: Share of these images in all images, which is their weight in ``usual``.
        """
        return cls(low.amin(dim=0), high.amax(dim=0), torch.maximum(-low, high).mean(dim=0) * share)

    def with_more(self, more: Extent) -> Extent:
        """Return the extent of these and of more images."""
        return Extent(
            torch.minimum(self.low, more.low), torch.maximum(self.high, more.high), self.usual + more.usual
        )


class Extremes:
    """Smallest and largest value of every grid on each image of a batch."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Tensor, Tensor]] = {}

    def add(self, grid: str, low: Tensor, high: Tensor) -> None:
        """Add a tensor's smallest and largest value of each image, float32 ``[N]``, to its grid's."""
        if grid in self._found:
            lowest, highest = self._found[grid]
            low, high = torch.minimum(lowest, low), torch.maximum(highest, high)
        self._found[grid] = low, high

    def rows(self) -> list[dict[str, tuple[float, float]]]:
        """Return the smallest and largest value by grid, for each image."""
        columns = [zip(low.tolist(), high.tolist(), strict=True) for low, high in self._found.values()]
        return [dict(zip(self._found, row, strict=True)) for row in zip(*columns, strict=True)]


def _of_pixels(pixels: Values) -> tuple[Values, Values]:
    """Return the smallest and the largest pixel of every image, each ``[N, C]``, of ``[N, pixels, C]``.

    Pixels are read in the order of the memory, and several of few channels at once as one of many: a quarter
    of the time of ``torch.amin`` and ``torch.amax``.
    """
    images, count, channels = pixels.shape
    together = 1
    while together * channels < _LONG_ROW and count % (2 * together) == 0:
        together *= 2
    rows = pixels.reshape(images, count // together, together * channels)
    parts = (images, together, channels)
    return rows.min(axis=1).reshape(parts).min(axis=1), rows.max(axis=1).reshape(parts).max(axis=1)


def by_channel(value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest value of every channel of each image, each float32 ``[N, C]``.

    Args:
        value: float32 ``[N, C, H, W]`` or ``[N, C]``; in any other shape an image counts as one channel.
    """
    if value.ndim == 2:
        return value, value
    if value.ndim != 4:
        low, high = value.flatten(1).aminmax(dim=1, keepdim=True)
        return low, high
    pixels = value.movedim(1, -1)
    if pixels.is_contiguous():
        ends = _of_pixels(pixels.flatten(1, 2).numpy())
        return torch.from_numpy(ends[0]), torch.from_numpy(ends[1])
    return value.amin(dim=(2, 3)), value.amax(dim=(2, 3))
