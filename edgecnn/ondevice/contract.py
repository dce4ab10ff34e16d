"""The preprocessing contract: the conversion of a photo into a network's input tensor, as data.

It is written once, when a network is trained or imported, and stored with the checkpoint and with every
artifact. Training, calibration, evaluation and the packages on the device execute it with the same integers
(`resize.py`), so that preprocessing cannot differ between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.documents import PlainDocument

Resize = Literal["crop", "squash", "letterbox"]
Interpolation = Literal["bilinear", "bicubic"]
Color = Literal["rgb", "bgr", "gray"]


@dataclass(frozen=True)
class Contract(PlainDocument):
    """The conversion of an image into a network's input.

    >>> contract = Contract(height=224, width=224)
    >>> Contract.from_json(contract.to_json()) == contract
    True

    Attributes:
        height: Input height in pixels.
        width: Input width in pixels.
        resize: ``crop`` resizes so that the centre crop of ``crop_fraction`` has the input's size;
            ``squash`` ignores the aspect ratio; ``letterbox`` keeps it and pads at the right and bottom.
        crop_fraction: Share of the resized image's side that the centre crop keeps; only for ``crop``.
        interpolation: Kernel of the antialiased fixed-point resampling.
        color: Channel order of the input; ``gray`` has one channel.
        mean: Subtracted from the 0..255 values, per channel.
        std: Divisor after the subtraction, per channel.
        pad_value: Pixel value, 0..255, that letterboxing pads with.
    """

    height: int
    width: int
    resize: Resize = "crop"
    crop_fraction: float = 0.875
    interpolation: Interpolation = "bilinear"
    color: Color = "rgb"
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    pad_value: int = 114

    def __post_init__(self) -> None:
        """Check the range of every field; a contract read from a file is not trusted."""
        if not (1 <= self.height <= 8192 and 1 <= self.width <= 8192):
            raise ValueError(f"input size {self.height}x{self.width} is not within 1..8192 pixels")
        if not 0.0 < self.crop_fraction <= 1.0:
            raise ValueError(f"crop_fraction {self.crop_fraction} is not within (0, 1]")
        if not 0 <= self.pad_value <= 255:
            raise ValueError(f"pad_value {self.pad_value} is not within 0..255")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(
                f"mean and std need {self.channels} values for {self.color}, "
                f"not {len(self.mean)} and {len(self.std)}"
            )
        if not all(math.isfinite(value) for value in self.mean):
            raise ValueError(f"mean {self.mean} holds a value that is not finite")
        if not all(0.0 < value < math.inf for value in self.std):
            raise ValueError(f"std {self.std} holds a value that is not positive and finite")

    @property
    def channels(self) -> int:
        """Return the number of input channels."""
        return 1 if self.color == "gray" else 3

    def lookup(self) -> npt.NDArray[np.float32]:
        """Return the normalization as a table, float32 ``[256, channels]``.

        Normalization is a function of one byte and a channel, so the table *is* the definition: every
        executor, in any language, looks values up and cannot round differently.
        """
        values = np.arange(256, dtype=np.float64)[:, None]
        table = (values - np.asarray(self.mean, np.float64)) / np.asarray(self.std, np.float64)
        return table.astype(np.float32)

    def with_size(self, height: int, width: int) -> Contract:
        """Return a copy for another input size."""
        return replace(self, height=height, width=width)
