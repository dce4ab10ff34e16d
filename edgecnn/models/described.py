"""A network that says what it is for; every other one is a classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from edgecnn.core.task import TaskDescription
    from edgecnn.ondevice.contract import Contract


class DescribedNetwork(nn.Module, ABC):
    """A network with a task of its own."""

    @abstractmethod
    def task(self, contract: Contract) -> TaskDescription:
        """Return what the network is for, and what the task must know of its outputs.

        Raises:
            UsageError: The network does not take inputs of the contract's size.
        """

    @abstractmethod
    def score_layers(self) -> tuple[str, ...]:
        """Return the qualified names of the layers whose outputs are classes: other classes, fresh ones."""
