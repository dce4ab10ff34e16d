"""Evaluation of an artifact on labelled images, in its shipping runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.registry import LOCAL, open_device
from edgecnn.pipeline.evaluation import EvaluationSet, evaluate_artifact

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.core.documents.accuracy import EvalResult


def evaluate(
    artifact: Path | str,
    data: str,
    *,
    skip_bad_images: bool = False,
    limit: int | None = None,
    device: str = LOCAL,
    draw: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> EvalResult:
    """Run an artifact on a dataset, with the artifact's contract.

    Args:
        artifact: Directory of the artifact.
        data: CSV file, folder or ``fashion-mnist:test``.
        skip_bad_images: Whether corrupt images are left out instead of refused.
        limit: Largest number of images, evenly over the classes.
        device: Device to run on: ``local``, ``qemu:raspberry-pi-5``, ``ssh://USER@HOST`` or ``adb:SERIAL``.
        draw: Folder for pictures of a detector's boxes, with those of fp32 and of the artifact side by side.
        progress: Called with (done, total) images and the name of the activity.

    Raises:
        UsageError: Pictures were requested, but the network's task cannot draw any.
        InputError: The artifact or the data cannot be used.
        WorkerError: The runtime crashed, timed out or ran out of memory.
    """
    wanted = EvaluationSet(data, "skip" if skip_bad_images else "error", limit)
    opened = Artifact.open(Path(artifact))
    with open_device(device) as where:
        return evaluate_artifact(opened, wanted, where, draw=draw, progress=progress or _silent)


def _silent(done: int, total: int, text: str) -> None:
    del done, total, text
