"""The interface of a training task: its batches and how the network is measured.

The loop, pruning and quantization-aware training receive a :class:`TrainingTask`; the tasks themselves are in
``edgecnn.tasks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import Tensor, nn

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.distributed import Processes
    from edgecnn.training.method import Method


class TrainingTask(Protocol):
    """A training set, an evaluation set, and the loss and metric of the task."""

    @property
    def train_set(self) -> PreparedSet:
        """Return the training images."""

    @property
    def metric(self) -> str:
        """Return the name of the value of :meth:`evaluate`, such as ``top1``."""

    @property
    def identity(self) -> str:
        """Return a digest of the labels; a snapshot of a training with other labels is refused."""

    def method(self) -> Method:
        """Return the default training method.

        Raises:
            UsageError: A network of this kind cannot be trained.
        """

    def taught(self, teacher: nn.Module, weight: float, temperature: float) -> Method | None:
        """Return a method that learns from a teacher's outputs besides the labels.

        Args:
            teacher: A network with the same outputs.
            weight: The teacher's share of the loss, within (0, 1].
            temperature: Softens both distributions if it is over 1.

        Returns:
            The method; None if the task's outputs are not a distribution that a student could learn.
        """

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Check that the network, which is on ``device``, fits the sets.

        Raises:
            InputError: It does not.
        """

    def batch(self, indices: npt.NDArray[np.int64], epoch: int, device: torch.device) -> tuple[Tensor, Any]:
        """Return augmented images, float32 ``[n, C, H, W]``, and their targets."""

    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Return the metric of a network in evaluation mode; None without an evaluation set."""
