"""A network that says how bright an image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from edgecnn.core.task import TaskDescription
from edgecnn.models.described import DescribedNetwork

if TYPE_CHECKING:
    from edgecnn.ondevice.contract import Contract


class BrightnessNetwork(DescribedNetwork):
    """Two convolutions, their mean, and one number."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU6(),
            nn.Conv2d(8, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(16, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map normalized images, float32 ``[N, 3, H, W]``, to ``[N, 1]``."""
        answer: Tensor = self.head(self.body(images))
        return answer

    def task(self, contract: Contract) -> TaskDescription:
        """Name the task; it has one setting, how many digits a package shows."""
        del contract
        return TaskDescription.model_validate({"kind": "brightness", "digits": 3})

    def score_layers(self) -> tuple[str, ...]:
        """Name no layer: there are no classes."""
        return ()
