"""What every detection network can do, whatever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detector


class DetectionNetwork(nn.Module, ABC):
    """A network that answers with the raw maps of its heads, and says how they become boxes."""

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map normalized images, float32 ``[N, C, H, W]``, to maps ``[N, channels, h, w]``."""

    @abstractmethod
    def score_layers(self) -> tuple[str, ...]:
        """Return the qualified names of the layers whose outputs are classes: other classes, fresh ones."""

    @abstractmethod
    def describe(self, contract: Contract) -> Detector:
        """Return how the outputs become boxes.

        Raises:
            UsageError: The network does not take inputs of the contract's size.
        """
