"""Conversion of stored images to a network's input tensor: normalization, layout and quantization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.normalize import input_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.tensor import Array, TensorInfo

Layout = Literal["NHWC", "NCHW"]

# Enough images in a chunk to make numpy calls few, but few enough to stay in the cache.
_CHUNK_BYTES = 1 << 19
_CHUNK_IMAGES = 256
# Pixels looked up at once: enough to make numpy calls few, but few enough to stay in the cache.
_BLOCK_PIXELS = 1 << 14


class FeedError(ValueError):
    """An input tensor cannot take images of the contract; the message gives the reason."""


def layout_of(tensor: TensorInfo, contract: Contract) -> Layout:
    """Return the layout of an image input, read from its shape.

    Raises:
        FeedError: The shape is not one image of the contract's size in either layout.

    >>> from edgecnn.ondevice.contract import Contract
    >>> from edgecnn.ondevice.tensor import TensorInfo
    >>> layout_of(TensorInfo("x", (1, 3, 32, 48), "float32"), Contract(height=32, width=48))
    'NCHW'
    """
    height, width, channels = contract.height, contract.width, contract.channels
    wanted: dict[Layout, tuple[int, ...]] = {
        "NHWC": (1, height, width, channels),
        "NCHW": (1, channels, height, width),
    }
    for layout, shape in wanted.items():
        if len(tensor.shape) == 4 and all(
            size in (-1, want) for size, want in zip(tensor.shape, shape, strict=True)
        ):
            return layout
    raise FeedError(
        f"input {tensor.name!r} has shape {list(tensor.shape)}, which is no image of "
        f"{height}x{width}x{channels}, NHWC or NCHW, batch 1"
    )


def _table(tensor: TensorInfo, contract: Contract) -> Array:
    """Return the value of every byte in every channel, ``[256, C]`` in the tensor's own type."""
    if tensor.scale is None:
        return contract.lookup().astype(tensor.dtype)
    kinds: dict[str, type[np.int8] | type[np.uint8]] = {"int8": np.int8, "uint8": np.uint8}
    if tensor.dtype not in kinds:
        raise FeedError(
            f"input {tensor.name!r} is {tensor.dtype}; images go into float, int8 or uint8 inputs"
        )
    return input_table(contract, tensor.scale, tensor.zero_point or 0, kinds[tensor.dtype])


class Feed:
    """Filler of input tensors from uint8 images by table look-up.

    The contract's table, converted once to the tensor's type, maps each byte of each channel to an input
    value, so an integer input needs no arithmetic per pixel and rounds like the table.

    Args:
        tensor: The network's input.
        contract: Normalization of the images.
        chunk_images: Largest number of images that are prepared at once.
    """

    def __init__(self, tensor: TensorInfo, contract: Contract, *, chunk_images: int = _CHUNK_IMAGES) -> None:
        self._chunk_images = chunk_images
        self._layout = layout_of(tensor, contract)
        table = _table(tensor, contract)
        self._columns = [np.ascontiguousarray(table[:, channel]) for channel in range(contract.channels)]
        self._dtype = table.dtype
        size = (contract.height, contract.width)
        self._shape = (*size, contract.channels) if self._layout == "NHWC" else (contract.channels, *size)
        self._block = max(1, _BLOCK_PIXELS // (contract.height * contract.width))

    def fill(self, images: npt.NDArray[np.uint8]) -> Array:
        """Return input tensors ``[N, ...]`` for images uint8 ``[N, H, W, C]``."""
        out = np.empty((len(images), *self._shape), self._dtype)
        channels_last = out if self._layout == "NHWC" else out.transpose(0, 2, 3, 1)
        for start in range(0, len(images), self._block):
            block = slice(start, start + self._block)
            for channel, column in enumerate(self._columns):
                # Every byte is a valid index; "clip" only avoids the check of "raise".
                channels_last[block, ..., channel] = column.take(images[block, ..., channel], mode="clip")
        return out

    def stream(self, images: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64]) -> Iterator[Array]:
        """Yield one input ``[1, ...]`` per image, prepared a chunk at a time.

        The look-up takes 2 to 3 % of a mobile network's time. A second thread could hide that, but on a
        loaded machine it cost as much as it saved, because it competes for the interpreter lock and the
        pinned core.
        """
        per_image = max(1, int(np.prod(self._shape)) * self._dtype.itemsize)
        size = max(1, min(self._chunk_images, _CHUNK_BYTES // per_image))
        for start in range(0, len(indices), size):
            batch = self.fill(images[indices[start : start + size]])
            yield from (batch[index : index + 1] for index in range(len(batch)))
