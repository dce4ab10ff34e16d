"""Stage ``finetune``: a pruned checkpoint is trained on, taught by the network that it was."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn import process
from edgecnn.stages.base import Context, Inputs, Stage
from edgecnn.stages.train import make_task, report

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from edgecnn.training.method import Method
    from edgecnn.training.task import Task


@dataclass(frozen=True)
class FinetuneParameters:
    """How to train.

    Attributes:
        settings: :class:`edgecnn.config.training.TrainSettings` of all epochs, as plain data.
        distill: :class:`edgecnn.config.pruning.PruneDistillSettings` as plain data, or None.
        window: First epoch of this part of the training, and the one before which it stops.
        origin: What the checkpoint's spec says of its weights.
    """

    settings: dict[str, Any]
    distill: dict[str, Any] | None
    window: tuple[int, int]
    origin: str


def run(inputs: Inputs, parameters: FinetuneParameters, context: Context) -> None:
    """Train in this process, so that Ctrl-C reaches the loop, and write the checkpoint."""
    # OpenMP reads this when torch is imported, below.
    os.environ.setdefault("OMP_WAIT_POLICY", process.OMP_WAIT_POLICY)
    import torch

    from edgecnn.config.training import TrainSettings
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
    from edgecnn.training.batches import to_input
    from edgecnn.training.loop import train

    module, spec = load_checkpoint(inputs["checkpoint"])
    train_set = PreparedSet.open(inputs["train"])
    eval_set = PreparedSet.open(inputs["eval"]) if "eval" in inputs else None
    settings = TrainSettings.model_validate(parameters.settings)
    task = make_task(spec, train_set, eval_set, settings)
    method = task.method()
    if parameters.distill is not None:
        example = to_input(train_set.images[:1], train_set.contract, torch.device("cpu"))
        method = _taught(task, module, inputs["teacher"], parameters.distill, example)
    started = time.monotonic()
    result = train(
        module,
        train_set,
        eval_set,
        settings,
        scratch=context.scratch,
        progress=lambda state: report(context, state),
        method=method,
        task=task,
        window=parameters.window,
    )
    save_checkpoint(context.out, module, spec.with_weights(parameters.origin))
    context.notes["training"] = result.to_json()
    context.costs["train"] = {"wall_s": round(time.monotonic() - started, 3)}


def _taught(
    task: Task, student: nn.Module, teacher: Path, distill: dict[str, Any], example: Tensor
) -> Method:
    """Return the task's method with a teacher.

    Raises:
        UsageError: A detector is to be taught by its outputs.
    """
    from edgecnn.config.pruning import PruneDistillSettings
    from edgecnn.errors import UsageError
    from edgecnn.models.checkpoint import load_checkpoint
    from edgecnn.training.features import AttentionTransfer, last_of_each_resolution
    from edgecnn.training.method import Classification, Distillation

    settings = PruneDistillSettings.model_validate(distill)
    network = load_checkpoint(teacher)[0].requires_grad_(False)
    method = task.method()
    if settings.weight:
        if not isinstance(method, Classification):
            raise UsageError(
                "prune.distill.weight is for classifiers",
                hint="set it to 0; prune.distill.features can teach a detector",
            )
        method = Distillation(network, method, settings.weight, settings.temperature)
    if settings.features:
        places = last_of_each_resolution(student, example)
        method = AttentionTransfer(method, network, student, places, settings.features)
    return method


FINETUNE = Stage("finetune", 1, run, ("torch", "torchvision", "faster-coco-eval"))
