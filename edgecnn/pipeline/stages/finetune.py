"""Stage ``finetune``: further training of a pruned checkpoint, with the unpruned network as its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.pruning import PruneDistillSettings
from edgecnn.core.config.training import TrainSettings
from edgecnn.core.documents.arguments import arguments
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.train import TRAINING_PACKAGES, train_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.method import Method
    from edgecnn.training.task import TrainingTask


@arguments
class FinetuneParameters:
    """Settings of the training.

    Attributes:
        settings: Settings of all epochs.
        distill: Settings of the distillation from the unpruned network, or None.
        window: First epoch of this part of the training, and the epoch before which it stops.
        origin: Text for the origin of the weights in the checkpoint's spec.
    """

    settings: TrainSettings
    distill: PruneDistillSettings | None
    window: tuple[int, int]
    origin: str


def run(inputs: Inputs, parameters: FinetuneParameters, context: Context) -> None:
    """Train with a teacher if requested, and write the checkpoint."""

    def taught(task: TrainingTask, module: nn.Module, train_set: PreparedSet) -> Method:
        if parameters.distill is None:
            return task.method()
        return _taught(task, module, inputs["teacher"], parameters.distill, train_set)

    train_checkpoint(
        inputs,
        parameters.settings,
        context,
        origin=parameters.origin,
        method=taught,
        window=parameters.window,
    )


def _taught(
    task: TrainingTask,
    student: nn.Module,
    teacher: Path,
    settings: PruneDistillSettings,
    train_set: PreparedSet,
) -> Method:
    """Return the task's method with a teacher.

    Raises:
        UsageError: The outputs of the network's task cannot be distilled.
    """
    import torch

    from edgecnn.core.errors import UsageError
    from edgecnn.models.checkpoint import load_checkpoint
    from edgecnn.training.batches import to_input
    from edgecnn.training.features import AttentionTransfer, last_of_each_resolution

    network = load_checkpoint(teacher)[0].requires_grad_(False)
    method = task.method()
    if settings.weight:
        taught = task.taught(network, settings.weight, settings.temperature)
        if taught is None:
            raise UsageError(
                "prune.distill.weight is for classifiers",
                hint="set it to 0; prune.distill.features can teach a detector",
            )
        method = taught
    if settings.features:
        example = to_input(train_set.images[:1], train_set.contract, torch.device("cpu"))
        places = last_of_each_resolution(student, example)
        method = AttentionTransfer(method, network, student, places, settings.features)
    return method


FINETUNE = Stage("finetune", 2, run, TRAINING_PACKAGES, trains=True)
