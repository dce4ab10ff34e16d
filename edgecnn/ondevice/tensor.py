"""Description of a network's input or output: name, shape, type, and quantization if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.documents import PlainDocument

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorInfo(PlainDocument):
    """An input or output of a model file.

    Attributes:
        name: Name in the file.
        shape: Static shape; -1 for a dynamic dimension.
        dtype: numpy's name of the element type.
        scale: Quantization scale, or None for a float tensor.
        zero_point: Quantization zero point, or None for a float tensor.
        channels_last: Whether a tensor of four dimensions is ``[N, H, W, C]``, as in TFLite files.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None
    channels_last: bool = False

    def dequantize(self, values: Array) -> npt.NDArray[np.float32]:
        """Return values of the tensor's own type as float32.

        >>> TensorInfo("y", (1, 2), "int8", scale=0.5, zero_point=-128).dequantize(np.int8([-128, 127]))
        array([  0. , 127.5], dtype=float32)
        """
        if self.scale is None:
            return values.astype(np.float32, copy=False)
        return (values.astype(np.float32) - np.float32(self.zero_point or 0)) * np.float32(self.scale)

    def as_in_torch(self, values: Array) -> Array:
        """Return values of the tensor with a map's channels before its height and width; a view.

        >>> info = TensorInfo("map", (1, 4, 6, 2), "float32", channels_last=True)
        >>> info.as_in_torch(np.zeros(info.shape)).shape
        (1, 2, 4, 6)
        """
        return values.transpose(0, 3, 1, 2) if self.channels_last and values.ndim == 4 else values
