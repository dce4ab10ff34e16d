"""Conversion of pixels to network inputs by table look-up, so that nothing can round differently.

Normalization is a function of one byte and its channel, and so is the quantization of its result. Both are
therefore tables of 256 rows. This module needs only numpy, because it also runs beside a vendor's runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edgecnn.ondevice.contract import Contract

_Element = TypeVar("_Element", np.float32, np.int8, np.uint8)
_Level = TypeVar("_Level", np.int8, np.uint8)

_BLOCK_PIXELS = 1 << 16
"""Pixels looked up at a time: index and result stay in the cache."""


def normalize(images: npt.NDArray[np.uint8], contract: Contract) -> npt.NDArray[np.float32]:
    """Convert pixels to a float network's input.

    Args:
        images: uint8 ``[N, H, W, C]``, in the contract's colour order.
        contract: Contains mean and std, see :meth:`Contract.lookup`.

    Returns:
        float32 ``[N, H, W, C]``.

    Raises:
        ValueError: The images are not uint8 ``[N, H, W, C]`` with the contract's channels.

    >>> from edgecnn.ondevice.contract import Contract
    >>> gray = Contract(height=1, width=2, color="gray", mean=(100.0,), std=(50.0,))
    >>> normalize(np.array([[[[0], [200]]]], np.uint8), gray).ravel().tolist()
    [-2.0, 2.0]
    """
    return _look_up(contract.lookup(), images)


def quantize_input(
    images: npt.NDArray[np.uint8],
    contract: Contract,
    scale: float,
    zero_point: int,
    dtype: type[np.int8] | type[np.uint8] = np.int8,
) -> npt.NDArray[np.int8] | npt.NDArray[np.uint8]:
    """Convert pixels to a quantized network's input.

    Args:
        images: uint8 ``[N, H, W, C]``, in the contract's colour order.
        contract: Contains mean and std.
        scale: Quantization scale of the input tensor.
        zero_point: Quantization zero point of the input tensor.
        dtype: Element type of the input tensor.

    Returns:
        ``[N, H, W, C]`` of ``dtype``.

    Raises:
        ValueError: The images do not fit the contract, or scale or zero point are invalid.
    """
    if dtype is np.uint8:
        return _look_up(input_table(contract, scale, zero_point, np.uint8), images)
    return _look_up(input_table(contract, scale, zero_point, np.int8), images)


def input_table(
    contract: Contract, scale: float, zero_point: int, dtype: type[_Level]
) -> npt.NDArray[_Level]:
    """Return normalization and quantization in one table, ``[256, channels]`` of ``dtype``.

    ``q = saturate(round(x / scale) + zero_point)`` in double, where ``x`` is the float32 of
    :meth:`Contract.lookup` and halves are rounded to even (``Math.rint`` in Java).

    Raises:
        ValueError: The scale is not positive and finite, or the zero point is not a value of ``dtype``.

    >>> from edgecnn.ondevice.contract import Contract
    >>> gray = Contract(height=1, width=1, color="gray", mean=(0.0,), std=(255.0,))
    >>> input_table(gray, 1 / 255, -128, np.int8).ravel()[[0, 1, 255]].tolist()
    [-128, -127, 127]
    """
    limits = np.iinfo(dtype)
    if not (np.isfinite(scale) and scale > 0.0):
        raise ValueError(f"quantization scale {scale} is not positive")
    if not limits.min <= zero_point <= limits.max:
        raise ValueError(f"quantization zero point {zero_point} is not within {limits.min}..{limits.max}")
    levels = np.rint(contract.lookup().astype(np.float64) / scale) + zero_point
    saturated: npt.NDArray[np.float64] = np.clip(levels, limits.min, limits.max)
    return saturated.astype(dtype)


def _look_up(table: npt.NDArray[_Element], images: npt.NDArray[np.uint8]) -> npt.NDArray[_Element]:
    channels = table.shape[1]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != channels:
        raise ValueError(f"images are {images.dtype} {list(images.shape)}, not uint8 [N, H, W, {channels}]")
    result = np.empty(images.shape, table.dtype)
    columns = [np.ascontiguousarray(table[:, channel]) for channel in range(channels)]
    step = max(1, _BLOCK_PIXELS // max(1, images.shape[1] * images.shape[2]))
    for start in range(0, len(images), step):
        block = slice(start, start + step)
        for channel, column in enumerate(columns):
            result[block, ..., channel] = column.take(images[block, ..., channel])
    return result
