"""Training of networks for the brightness of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import mse_loss

from edgecnn.training.batches import to_input
from toy_task.task import brightness

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor, nn

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.distributed import Processes
    from edgecnn.training.method import Method


@dataclass
class BrightnessTraining:
    """A :class:`edgecnn.training.task.TrainingTask`."""

    train_set: PreparedSet
    eval_set: PreparedSet | None
    settings: TrainSettings
    metric: str = "closeness"

    @property
    def identity(self) -> str:
        """The pixels are the labels."""
        return self.train_set.digest

    def method(self) -> Method:
        """Return the squared error."""
        return SquaredError()

    def taught(self, teacher: nn.Module, weight: float, temperature: float) -> Method | None:
        """Return None: a number is no distribution."""
        del teacher, weight, temperature
        return None

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Check nothing: the loss tells."""

    def batch(
        self, indices: npt.NDArray[np.int64], epoch: int, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return images and their brightness, float32 ``[n, 1]``."""
        del epoch
        pixels = np.asarray(self.train_set.images[indices])
        targets = torch.from_numpy(brightness(pixels)).unsqueeze(1)
        return to_input(pixels, self.train_set.contract, device), targets.to(device)

    @torch.inference_mode()
    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Return the mean closeness."""
        if self.eval_set is None:
            return None
        pixels = np.asarray(self.eval_set.images)
        found = module(to_input(pixels, self.eval_set.contract, processes.device)).cpu().numpy()[:, 0]
        return float(1.0 - np.minimum(1.0, np.abs(found - brightness(pixels))).mean())


@dataclass(frozen=True)
class SquaredError:
    """A :class:`edgecnn.training.method.Method`."""

    @property
    def identity(self) -> dict[str, Any]:
        """Name the loss."""
        return {"name": "squared error"}

    def to(self, device: torch.device) -> None:
        """Hold nothing."""

    def before_step(self, share: float) -> None:
        """Change nothing."""

    def loss(self, inputs: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error."""
        del inputs
        return mse_loss(outputs.float(), targets)
