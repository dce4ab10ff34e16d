"""The base class of all detection networks."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from edgecnn.core.task import TaskDescription
from edgecnn.models.described import DescribedNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detector


def detection(detector: Detector) -> TaskDescription:
    """Return the task of a network with this description of its outputs."""
    return TaskDescription.model_validate({**detector.to_json(), "kind": "detection"})


class DetectionNetwork(DescribedNetwork):
    """A network that returns the raw maps of its heads and describes how they become boxes."""

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map normalized images, float32 ``[N, C, H, W]``, to maps ``[N, channels, h, w]``."""

    @abstractmethod
    def describe(self, contract: Contract) -> Detector:
        """Return a description of how the outputs become boxes.

        Raises:
            UsageError: The network does not take inputs of the contract's size.
        """

    def task(self, contract: Contract) -> TaskDescription:
        """Return the task of finding objects, with :meth:`describe` as its settings."""
        return detection(self.describe(contract))
