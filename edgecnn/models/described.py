"""Networks that name their own task; every other network is a classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from edgecnn.core.task import TaskDescription
    from edgecnn.ondevice.contract import Contract


class DescribedNetwork(nn.Module, ABC):
    """A network that describes its task."""

    @abstractmethod
    def task(self, contract: Contract) -> TaskDescription:
        """Return the network's task, with what the task must know of the outputs.

        Raises:
            UsageError: The network does not take inputs of the contract's size.
        """

    @abstractmethod
    def score_layers(self) -> tuple[str, ...]:
        """Return the qualified names of the layers that score classes; none if the network scores none."""
