"""Training of classifiers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.tasks.classification.augment import mix_transform, pixel_transforms
from edgecnn.tasks.classification.evaluate import count_outputs, top1
from edgecnn.tasks.classification.method import CrossEntropy, Distillation
from edgecnn.training.batches import check_sets, to_input

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor, nn

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.distributed import Processes
    from edgecnn.training.method import Method


@dataclass
class ClassificationTraining:
    """A :class:`edgecnn.training.task.TrainingTask`: images with one label each.

    Attributes:
        train_set: Training images.
        eval_set: Images for the evaluation after each epoch.
        settings: Augmentation, label smoothing and the batch size of an evaluation.
    """

    train_set: PreparedSet
    eval_set: PreparedSet | None
    settings: TrainSettings
    metric: str = "top1"
    _classes: int = field(default=0, init=False)

    @property
    def identity(self) -> str:
        """Return a digest of the labels."""
        return hashlib.sha256(np.ascontiguousarray(self.train_set.labels).tobytes()).hexdigest()

    def method(self) -> Method:
        """Return cross entropy with the labels."""
        return CrossEntropy(self.settings.label_smoothing)

    def taught(self, teacher: nn.Module, weight: float, temperature: float) -> Method | None:
        """Return cross entropy with the labels and with a teacher's logits."""
        return Distillation(teacher, CrossEntropy(self.settings.label_smoothing), weight, temperature)

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Check the number of outputs and the labels."""
        self._classes = count_outputs(module, self.train_set, device)
        check_sets(self.train_set, self.eval_set, self._classes)

    def batch(
        self,
        indices: npt.NDArray[np.int64],
        epoch: int,  # noqa: ARG002
        device: torch.device,
    ) -> tuple[Tensor, Tensor]:
        """Return images and labels, int64 ``[n]``, or for mixed images probabilities ``[n, classes]``."""
        contract, augment = self.train_set.contract, self.settings.augment
        change = pixel_transforms(augment, contract.height, contract.width)
        images = change(torch.from_numpy(self.train_set.images[indices]))
        labels = torch.from_numpy(self.train_set.labels[indices]).to(device)
        return mix_transform(augment, self._classes)(to_input(images, contract, device), labels)

    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Return the share of images that are classified correctly."""
        if self.eval_set is None or not len(self.eval_set):
            return None
        return top1(module, self.eval_set, self.settings.batch_size, processes)
