"""Evaluation of an artifact on labelled images, in its shipping runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.backends.registry import simulator
from edgecnn.backends.targets import runtime_options
from edgecnn.backends.worker.isa import foreign
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.accuracy import EvalResult
from edgecnn.core.errors import UsageError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.tasks.base import warning_of
from edgecnn.tasks.draw import draw_answers
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.core.store.manifest import Artifact
    from edgecnn.data.base import ImageSource
    from edgecnn.data.prepare import OnBadImage
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.devices.base import Device
    from edgecnn.devices.session import Evaluation
    from edgecnn.tasks.base import LabelledSet


@dataclass(frozen=True)
class EvaluationSet:
    """The images for an evaluation.

    Attributes:
        data: CSV file, folder or ``fashion-mnist:test``.
        on_bad_image: Whether corrupt images are refused or left out.
        limit: Largest number of images, evenly over the classes.
    """

    data: str
    on_bad_image: OnBadImage = "error"
    limit: int | None = None


def evaluate_artifact(
    artifact: Artifact,
    wanted: EvaluationSet,
    device: Device,
    *,
    draw: Path | None = None,
    progress: Callable[[int, int, str], None],
) -> EvalResult:
    """Run an artifact on a dataset, with the artifact's contract.

    Args:
        artifact: The artifact.
        wanted: The images.
        device: Device to run on.
        draw: Folder for pictures of a detector's boxes, with those of fp32 and of the artifact side by side.
        progress: Called with (done, total) images and the name of the activity.

    Raises:
        UsageError: Pictures were requested, but the network's task cannot draw any.
        InputError: The data cannot be used.
        WorkerError: The runtime crashed, timed out or ran out of memory.
    """
    if draw is not None and not task_of(artifact.manifest.task).can_draw:
        raise UsageError("only a detector's boxes can be drawn", hint="leave --draw out")
    source = open_source(wanted.data, cache_dir=cache_dir())
    with temporary_folder("eval") as folder:
        copy = artifact.copy(folder / "artifact")
        images, labelled = labelled_images(
            artifact,
            source,
            folder / "images",
            on_bad_image=wanted.on_bad_image,
            limit=wanted.limit,
            progress=lambda done, total: progress(done, total, "decoding"),
        )
        evaluation = _execute(copy, images, folder, device, progress)
        if draw is not None:
            draw_answers(artifact, source, images, labelled, evaluation.outputs, draw)
        return _result(artifact, wanted.data, labelled, evaluation, draw)


def labelled_images(
    artifact: Artifact,
    source: ImageSource,
    folder: Path,
    *,
    on_bad_image: OnBadImage = "error",
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[PreparedSet, LabelledSet]:
    """Return images prepared for an artifact's network, with the labels or boxes of its task.

    Raises:
        InputError: An image cannot be read, or the labels do not fit the network.
    """
    images = prepare(
        source, artifact.contract, folder, on_bad_image=on_bad_image, limit=limit, progress=progress
    )
    task = task_of(artifact.manifest.task)
    task.check(images, len(artifact.manifest.classes))
    return images, task.labelled(images)


def _execute(
    artifact: Artifact,
    images: PreparedSet,
    folder: Path,
    device: Device,
    progress: Callable[[int, int, str], None],
) -> Evaluation:
    target = artifact.manifest.target
    with device.open(
        target.runtime,
        artifact.model,
        log=folder / "worker.log",
        threads=target.threads,
        extra=runtime_options(target),
    ) as session:
        return session.evaluate(
            images.directory / "images.npy",
            images.contract,
            folder / "outputs",
            progress=lambda done, total: progress(done, total, "evaluating"),
        )


def _result(
    artifact: Artifact, data: str, labelled: LabelledSet, evaluation: Evaluation, drawn: Path | None
) -> EvalResult:
    target, known = artifact.manifest.target, artifact.manifest.metrics
    values = labelled.values(evaluation.outputs)
    warning = warning_of(labelled, evaluation.outputs)
    return EvalResult(
        artifact=str(artifact.directory),
        target=target.name,
        metric=labelled.metric,
        value=values[labelled.metric],
        values=values,
        n=evaluation.images,
        seconds=evaluation.seconds,
        images_per_second=evaluation.images_per_second,
        data=data,
        fp32=known.fp32 if known and known.data == data and known.n == evaluation.images else None,
        simulated_by=simulator(target.runtime),
        isa_note=foreign(target.isa, host().isa) if artifact.manifest.precision == "int8" else "",
        warnings=(warning,) if warning else (),
        drawn=None if drawn is None else str(drawn),
    )
