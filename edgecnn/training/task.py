"""What a network learns to do: which batches it sees, what it is measured by. The loop is one for all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from edgecnn.training.augment import mix_transform, pixel_transforms
from edgecnn.training.batches import check_sets, to_input
from edgecnn.training.evaluate import count_outputs, top1
from edgecnn.training.method import Classification

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor, nn

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.distributed import Processes
    from edgecnn.training.method import Method


class Task(Protocol):
    """A training set, an evaluation set, and what to make of them."""

    @property
    def train_set(self) -> PreparedSet:
        """Images to learn from."""

    @property
    def metric(self) -> str:
        """Name of what :meth:`evaluate` returns: ``top1`` or ``ap50``."""

    @property
    def identity(self) -> str:
        """Digest of the labels: a snapshot of a training with others is refused."""

    def method(self) -> Method:
        """Return what a step minimizes where nobody says otherwise."""

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Check that the network, which is on ``device``, and the sets fit each other.

        Raises:
            InputError: They do not.
        """

    def batch(self, indices: npt.NDArray[np.int64], epoch: int, device: torch.device) -> tuple[Tensor, Any]:
        """Return augmented images, float32 ``[n, C, H, W]``, and their targets."""

    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Measure a network in evaluation mode; None without an evaluation set."""


@dataclass
class ClassificationTask:
    """Images with one label each.

    Attributes:
        train_set: Images to learn from.
        eval_set: Images to measure each epoch on.
        settings: Gives augmentation, label smoothing and the batch size of an evaluation.
    """

    train_set: PreparedSet
    eval_set: PreparedSet | None
    settings: TrainSettings
    metric: str = "top1"
    _classes: int = field(default=0, init=False)

    @property
    def identity(self) -> str:
        """Digest of the labels."""
        return hashlib.sha256(np.ascontiguousarray(self.train_set.labels).tobytes()).hexdigest()

    def method(self) -> Method:
        """Return cross entropy with the labels."""
        return Classification(self.settings.label_smoothing)

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Count the network's outputs and check the labels."""
        self._classes = count_outputs(module, self.train_set, device)
        check_sets(self.train_set, self.eval_set, self._classes)

    def batch(
        self,
        indices: npt.NDArray[np.int64],
        epoch: int,  # noqa: ARG002
        device: torch.device,
    ) -> tuple[Tensor, Tensor]:
        """Return images and labels, int64 ``[n]``, or probabilities ``[n, classes]`` of mixed ones."""
        contract, augment = self.train_set.contract, self.settings.augment
        change = pixel_transforms(augment, contract.height, contract.width)
        images = change(torch.from_numpy(self.train_set.images[indices]))
        labels = torch.from_numpy(self.train_set.labels[indices]).to(device)
        return mix_transform(augment, self._classes)(to_input(images, contract, device), labels)

    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Return the share of images that are classified right."""
        if self.eval_set is None or not len(self.eval_set):
            return None
        return top1(module, self.eval_set, self.settings.batch_size, processes)
