"""Quantization-aware training and its control, both with the common training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from edgecnn.core.errors import UsageError
from edgecnn.quantization.qat.observe import estimate_ranges
from edgecnn.quantization.qat.prepare import prepare
from edgecnn.training.loop import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from edgecnn.core.config.qat import QatSettings
    from edgecnn.core.config.training import TrainSettings
    from edgecnn.core.documents.training import TrainingSummary
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.quantization.qat.network import GraphNetwork
    from edgecnn.quantization.ranges import Choice
    from edgecnn.training.method import Method
    from edgecnn.training.progress import TrainProgress
    from edgecnn.training.task import TrainingTask


@dataclass(frozen=True)
class Data:
    """The images of a training.

    Attributes:
        train: Training images.
        calibration: Images from which ranges are estimated.
        task: Creates the training task for them, with the training's settings.
    """

    train: PreparedSet
    calibration: PreparedSet
    task: Callable[[TrainSettings], TrainingTask]


@dataclass(frozen=True)
class Schedule:
    """A method that freezes batch norm's statistics and the ranges during the training.

    Ranges stay at their post-training values until the network has adapted; then they are estimated once more
    and stay fixed until the end.

    Attributes:
        method: Loss of a step.
        network: The network being trained.
        calibration: Images from which ranges are estimated.
        settings: Times at which ranges and batch norm freeze.
    """

    method: Method
    network: GraphNetwork
    calibration: PreparedSet
    settings: QatSettings

    @property
    def identity(self) -> dict[str, Any]:
        """Return everything but the loop's settings that decides the result."""
        return {
            "loss": self.method.identity,
            "quantized": bool(self.network.fake_quantizes()),
            **self.settings.model_dump(mode="json"),
        }

    def to(self, device: torch.device) -> None:
        """Move the inner method."""
        self.method.to(device)

    def before_step(self, share: float) -> None:
        """Freeze the parts whose time has come."""
        network = self.network
        if share >= self.settings.freeze_batch_norm:
            network.freeze_statistics()
        if share >= self.settings.freeze_ranges and not network.ranges_final:
            if network.fake_quantizes():
                estimate_ranges(network, self.calibration)
                network.train()
            network.ranges_final.fill_(1)

    def loss(self, inputs: Tensor, outputs: Any, targets: Any) -> Tensor:
        """Return the method's loss."""
        return self.method.loss(inputs, outputs, targets)


@dataclass(frozen=True)
class Trained:
    """A network at the end of its training.

    Attributes:
        network: The network on the CPU, in evaluation mode, with frozen ranges.
        result: Results of every epoch.
        first_ranges: The estimated ranges at the start of the training; None for the control.
    """

    network: GraphNetwork
    result: TrainingSummary
    first_ranges: Choice | None


def train_network(
    module: nn.Module,
    data: Data,
    settings: QatSettings,
    base: TrainSettings | None,
    *,
    quantized: bool,
    scratch: Path,
    progress: Callable[[TrainProgress], None],
) -> Trained:
    """Train a network for int8, or as its control: the same steps without fake quantization.

    Both see the same batches in the same order with the same augmentation, learning rates, averaging,
    distillation and freezing of batch norm, so that their difference is the effect of QAT and not of further
    training.

    Args:
        module: The float network, which is not changed; it is the teacher if the settings ask for
            distillation.
        data: The images.
        settings: Training settings.
        base: Settings of the network's previous training; None if it was given trained.
        quantized: Whether to train for int8.
        scratch: Folder for the snapshot that a resumed run reads.
        progress: Called at most a few times a second.

    Raises:
        InputError: The network cannot be traced, is damaged, or does not fit the data.
    """
    contract = data.train.contract
    example = torch.zeros(1, contract.channels, contract.height, contract.width)
    network = prepare(module, example, settings.scheme if quantized else None)
    first = estimate_ranges(network, data.calibration) if quantized else None
    training = settings.training(base)
    task = data.task(training)
    method = task.method()
    if settings.distill is not None:
        teacher = prepare(module, example, None).requires_grad_(False)
        taught = task.taught(teacher, settings.distill.weight, settings.distill.temperature)
        if taught is None:
            raise UsageError("qat.distill is for classifiers", hint="take it out of the pipeline")
        method = taught
    result = train(
        network,
        task,
        training,
        scratch=scratch,
        progress=progress,
        method=Schedule(method, network, data.calibration, settings),
    )
    network.freeze_statistics()
    return Trained(network, result, first)
