"""Antialiased 8-bit fixed-point resampling: the same bits in numpy, Pillow and any other language.

The algorithm is Pillow's (``src/libImaging/Resample.c``, MIT-CMU): a separable convolution whose kernel
widens with the reduction, so that no source pixel is skipped when a photo shrinks. Weights are rounded to
:data:`PRECISION_BITS` fractional bits; each pass accumulates in 32-bit integers, rounds half up and clips
to 0..255.

Pillow chooses the order of its two passes by the image's shape, and the order affects the last bit. Here the
order is part of the contract: rows are resampled first (the horizontal pass), then columns (the vertical
pass). :func:`resize_array` defines the integers; :func:`resize_image` makes Pillow compute them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from edgecnn.ondevice.contract import Interpolation

PRECISION_BITS = 22
"""Fractional bits of a weight: 32-bit sums minus 8 bits of pixel, a sign and an overshoot bit."""

_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}
_BICUBIC_A = -0.5


def resize_array(
    pixels: npt.NDArray[np.uint8], height: int, width: int, interpolation: Interpolation
) -> npt.NDArray[np.uint8]:
    """Resize images with numpy alone; all other implementations must equal this one.

    Args:
        pixels: uint8 ``[..., H, W, C]``.
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        interpolation: Kernel.

    Returns:
        uint8 ``[..., height, width, C]``.

    >>> step = np.array([0, 0, 255, 255], np.uint8).reshape(1, 4, 1)
    >>> resize_array(step, 1, 2, "bilinear").ravel().tolist()
    [36, 219]
    """
    return _resample(_resample(pixels, -2, width, interpolation), -3, height, interpolation)


def resize_image(
    image: Image.Image,
    height: int,
    width: int,
    interpolation: Interpolation,
    window: tuple[int, int, int, int] | None = None,
) -> Image.Image:
    """Resize a Pillow image to the same bits as :func:`resize_array`, at Pillow's speed.

    Args:
        image: Image of mode ``L`` or ``RGB``.
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        interpolation: Kernel.
        window: ``(top, left, height, width)``: compute only this part of the result.

    Raises:
        ValueError: The image has another mode; Pillow resamples some of them with other rules.
    """
    if image.mode not in {"L", "RGB"}:
        raise ValueError(f"image has mode {image.mode}; resampling takes L or RGB")
    kernel = Image.Resampling[interpolation.upper()]
    top, left, rows, columns = window if window is not None else (0, 0, height, width)
    wide = image.resize((width, image.height), kernel)
    if columns != width:
        wide = wide.crop((left, 0, left + columns, image.height))
    tall = wide.resize((columns, height), kernel)
    return tall if rows == height else tall.crop((0, top, columns, top + rows))


@lru_cache(maxsize=64)
def resampling_weights(
    in_size: int, out_size: int, interpolation: Interpolation
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    """Compute the source pixels of each output pixel and their weights.

    All arithmetic before the rounding is IEEE double in the order written here, without fused
    multiply-add, so that a port to another language gets the same weights.

    Args:
        in_size: Source pixels along the axis.
        out_size: Output pixels along the axis.
        interpolation: Kernel.

    Returns:
        First source pixel of each output pixel, ``[out_size]``, and the weights in units of
        ``2 ** -PRECISION_BITS``, ``[out_size, taps]``; unused taps are zero. Both are read-only.
    """
    scale = in_size / out_size
    widening = max(scale, 1.0)
    support = _SUPPORT[interpolation] * widening
    taps = int(np.ceil(support)) * 2 + 1
    center = (np.arange(out_size, dtype=np.float64) + 0.5) * scale
    # Truncation, as in a C cast; negative positions are clamped to the first pixel anyway.
    first = np.maximum(np.trunc(center - support + 0.5), 0.0)
    end = np.minimum(np.trunc(center + support + 0.5), float(in_size))
    position = first[:, None] + np.arange(taps)
    weight = _kernel((position - center[:, None] + 0.5) * (1.0 / widening), interpolation)
    weight[position >= end[:, None]] = 0.0
    total = np.zeros(out_size)
    for tap in range(taps):  # summed tap by tap, because a pairwise sum would round differently
        total += weight[:, tap]
    weight /= total[:, None]
    fixed = np.trunc(weight * (1 << PRECISION_BITS) + np.copysign(0.5, weight)).astype(np.int32)
    starts = first.astype(np.intp)
    starts.flags.writeable = fixed.flags.writeable = False
    return starts, fixed


def _kernel(x: npt.NDArray[np.float64], interpolation: Interpolation) -> npt.NDArray[np.float64]:
    """Evaluate the triangle or Keys' cubic with a = -0.5 (Keys 1981), as Pillow writes them."""
    x = np.abs(x)
    if interpolation == "bilinear":
        return np.where(x < 1.0, 1.0 - x, 0.0)
    a = _BICUBIC_A
    inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    outer = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x < 1.0, inner, np.where(x < 2.0, outer, 0.0))


def _resample(
    pixels: npt.NDArray[np.uint8], axis: int, out_size: int, interpolation: Interpolation
) -> npt.NDArray[np.uint8]:
    """Resample one axis of ``[..., H, W, C]``; ``axis`` is -3 or -2."""
    in_size = pixels.shape[axis]
    if in_size == out_size:
        return pixels
    starts, weights = resampling_weights(in_size, out_size, interpolation)
    shape = [1, 1, 1]
    shape[axis] = out_size
    total = np.full(shape, 1 << (PRECISION_BITS - 1), np.int32)
    for tap in range(weights.shape[1]):
        # Taps beyond the border have weight zero; the clamp only keeps the index legal.
        source = np.take(pixels, np.minimum(starts + tap, in_size - 1), axis=axis)
        total = total + source * weights[:, tap].reshape(shape)
    clipped: npt.NDArray[np.int32] = np.clip(total >> PRECISION_BITS, 0, 255)
    return clipped.astype(np.uint8)
