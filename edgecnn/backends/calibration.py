"""The calibration set in the form that a quantizer takes: normalized tensors, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.documents.quantization import CalibrationNotes
from edgecnn.core.doing import say
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.normalize import normalize
from edgecnn.quantization.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.backends.format import QuantizeRequest
    from edgecnn.backends.terms import Layout
    from edgecnn.ondevice.tensor import TensorInfo
    from edgecnn.quantization.ranges import Observations

Tensor = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Calibration:
    """Real images in the layout of a model file; iteration normalizes one image at a time.

    Attributes:
        prepared: The images.
        layout: ``NHWC`` or ``NCHW``.
    """

    prepared: PreparedSet
    layout: Layout

    @classmethod
    def open(cls, request: QuantizeRequest, layout: Layout, model_input: TensorInfo) -> Calibration:
        """Open the calibration set of a request and check that it fits the model.

        Raises:
            InputError: There is no set, it is empty, or its images do not have the model's input size.
        """
        if request.calibration is None:
            raise InputError(
                "int8 needs calibration images and none were given",
                hint="give --calibration with a hundred or so real images; random ones are refused",
            )
        prepared = PreparedSet.open(request.calibration)
        if len(prepared) == 0:
            raise InputError(f"calibration set {request.calibration} is empty")
        height, width, channels = prepared.images.shape[1:]
        shape = (1, height, width, channels) if layout == "NHWC" else (1, channels, height, width)
        if model_input.shape != shape:
            raise InputError(
                f"calibration images of shape {list(shape)} do not fit the model's input "
                f"{list(model_input.shape)} ({layout})"
            )
        return cls(prepared, layout)

    def __len__(self) -> int:
        return len(self.prepared)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield float32 ``[1, H, W, C]`` or ``[1, C, H, W]``, contiguous."""
        for index in range(len(self)):
            say(f"observing the values of calibration image {index + 1} of {len(self)}")
            yield self[index]

    def __getitem__(self, index: int) -> Tensor:
        """Return the normalized image at ``index``."""
        image = normalize(np.asarray(self.prepared.images[index : index + 1]), self.prepared.contract)
        return np.ascontiguousarray(image if self.layout == "NHWC" else image.transpose(0, 3, 1, 2))

    def exactly(self, seen: Observations, entrance: str) -> Observations:
        """Give the image its whole range if that makes each pixel value a level of the grid.

        This is possible if all channels are normalized alike: a grid of 256 levels then holds each of 256
        values.

        Args:
            seen: Observed values.
            entrance: Name of the tensor that holds the image.
        """
        table = self.prepared.contract.lookup()
        if not (table == table[:, :1]).all():
            return seen
        return seen.with_range(entrance, Range(float(table.min()), float(table.max())))

    def notes(self) -> CalibrationNotes:
        """Return the notes on the calibration set for the manifest."""
        return CalibrationNotes(images=len(self), digest=self.prepared.digest)
