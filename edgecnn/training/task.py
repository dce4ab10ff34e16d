"""What a network learns to do, as the loop sees it: which batches there are, what they are measured by.

The loop, pruning and quantization-aware training are handed a :class:`TrainingTask`; the tasks themselves are
in ``edgecnn.tasks``.
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
    """A training set, an evaluation set, and what to make of them."""

    @property
    def train_set(self) -> PreparedSet:
        """Images to learn from."""

    @property
    def metric(self) -> str:
        """Name of what :meth:`evaluate` returns, such as ``top1``."""

    @property
    def identity(self) -> str:
        """Digest of the labels: a snapshot of a training with others is refused."""

    def method(self) -> Method:
        """Return what a step minimizes where nobody says otherwise.

        Raises:
            UsageError: A network of this kind cannot be trained.
        """

    def taught(self, teacher: nn.Module, weight: float, temperature: float) -> Method | None:
        """Return what a step minimizes where a teacher's outputs count beside the labels.

        Args:
            teacher: A network with the same outputs.
            weight: The teacher's share of the loss, within (0, 1].
            temperature: Softens both distributions where it is over 1.

        Returns:
            The method; None where outputs of this task are no distribution that could teach.
        """

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Check that the network, which is on ``device``, and the sets fit each other.

        Raises:
            InputError: They do not.
        """

    def batch(self, indices: npt.NDArray[np.int64], epoch: int, device: torch.device) -> tuple[Tensor, Any]:
        """Return augmented images, float32 ``[n, C, H, W]``, and their targets."""

    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Measure a network in evaluation mode; None without an evaluation set."""
