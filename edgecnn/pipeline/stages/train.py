"""Stage ``train``: training of a checkpoint, resumed from its last epoch after a kill."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from edgecnn.core import process
from edgecnn.core.computing import compute_threads
from edgecnn.core.config.training import TrainSettings
from edgecnn.core.documents.arguments import arguments
from edgecnn.pipeline.stages.base import Context, Inputs, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.spec import ModelSpec
    from edgecnn.training.method import Method
    from edgecnn.training.progress import TrainProgress
    from edgecnn.training.task import TrainingTask

TRAINING_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "faster-coco-eval")
"""Packages that training computes with, those of the tasks included: losses, augmentation and metrics."""


@arguments
class TrainParameters:
    """Settings of the training.

    Attributes:
        settings: The pipeline's ``train`` section.
    """

    settings: TrainSettings


def run(inputs: Inputs, parameters: TrainParameters, context: Context) -> None:
    """Train and write the checkpoint."""
    train_checkpoint(inputs, parameters.settings, context, origin="trained by this pipeline")


def train_checkpoint(
    inputs: Inputs,
    settings: TrainSettings,
    context: Context,
    *,
    origin: str,
    method: Callable[[TrainingTask, nn.Module, PreparedSet], Method] | None = None,
    window: tuple[int, int] | None = None,
) -> None:
    """Train in this process, so that Ctrl-C reaches the loop, and write the checkpoint.

    Args:
        inputs: ``checkpoint``, ``train`` and, if there is one, ``eval``.
        settings: Settings of the training.
        context: Places of the outputs.
        origin: Text for the origin of the weights in the checkpoint's spec.
        method: Creates the training method; by default the task's own.
        window: First epoch, and the epoch before which to stop, for a part of a longer training.
    """
    # OpenMP reads this when torch is imported, below.
    os.environ.setdefault("OMP_WAIT_POLICY", process.OMP_WAIT_POLICY)
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
    from edgecnn.training.loop import train

    use_threads(context)
    module, spec = load_checkpoint(inputs["checkpoint"])
    train_set = PreparedSet.open(inputs["train"])
    eval_set = PreparedSet.open(inputs["eval"]) if "eval" in inputs else None
    task = make_task(spec, train_set, eval_set, settings)
    learned = task.method() if method is None else method(task, module, train_set)
    started = time.monotonic()
    result = train(
        module,
        task,
        settings,
        scratch=context.scratch,
        progress=lambda state: report(context, state),
        method=learned,
        window=window,
    )
    save_checkpoint(context.out, module, spec.with_weights(origin))
    context.notes["training"] = result.to_json()
    context.costs["train"] = {"wall_s": round(time.monotonic() - started, 3)}


def use_threads(context: Context) -> None:
    """Have PyTorch compute with the number of threads that is in the step's key, and record it."""
    import torch

    torch.set_num_threads(compute_threads())
    context.notes["threads"] = torch.get_num_threads()


def make_task(
    spec: ModelSpec, train_set: PreparedSet, eval_set: PreparedSet | None, settings: TrainSettings
) -> TrainingTask:
    """Return the training task of a network of this spec on the sets.

    Raises:
        InputError: The labels do not fit its classes.
        UsageError: The network's task is not installed.
    """
    from edgecnn.tasks.registry import task_of

    task, classes = task_of(spec.task), len(spec.classes)
    for prepared in (train_set, eval_set):
        if prepared is not None:
            task.check(prepared, classes)
    return task.training(train_set, eval_set, settings, classes)


def report(context: Context, state: TrainProgress) -> None:
    """Forward the progress of a training to the stage's context."""
    text = (
        f"epoch {state.epoch + 1}/{state.epochs}, loss {state.loss:.3f}, "
        f"{state.images_per_second:.0f} images/s, {state.seconds_left:.0f} s left"
    )
    context.progress(state.epoch * state.steps + state.step, state.epochs * state.steps, text)


TRAIN = Stage("train", 4, run, TRAINING_PACKAGES, trains=True)
