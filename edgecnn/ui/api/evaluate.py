"""Evaluate an artifact on labelled images, in its shipping runtime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.registry import simulator
from edgecnn.backends.targets import runtime_options
from edgecnn.backends.worker.isa import foreign
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.document import Document
from edgecnn.core.errors import UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.devices.registry import LOCAL, open_device
from edgecnn.tasks.registry import task_of
from edgecnn.ui.api.draw import draw_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.tasks.base import LabelledSet


class EvalResult(Document):
    """What an artifact reaches on a set of images.

    Attributes:
        artifact: Its directory.
        target: Its target.
        metric: Name of the metric: ``top1``, or ``ap`` (AP50:95) of a detector.
        value: The metric, 0 to 1.
        values: The metric and others by name: ``top5``, or ``ap50`` of a detector.
        n: Number of images.
        seconds: Wall time of preprocessing by table, inference and storing; decoding comes before.
        images_per_second: ``n`` over ``seconds``.
        data: The dataset.
        fp32: What fp32 PyTorch reached when the artifact was made, where the same dataset was used.
        simulated_by: The runtime, where it is a simulator of other hardware: the speed is then its own.
        isa_note: What the figures are worth where the file was quantized for another instruction set.
        drawn: Folder of the pictures with boxes, where they were asked for.
    """

    artifact: str
    target: str
    metric: str
    value: float
    values: dict[str, float]
    n: int
    seconds: float
    images_per_second: float
    data: str
    fp32: float | None
    simulated_by: str | None
    isa_note: str
    drawn: str | None = None


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
    """Run an artifact over a dataset, with the contract that it was made with.

    Args:
        artifact: Directory of the artifact.
        data: CSV file, folder or ``fashion-mnist:test``.
        skip_bad_images: Leave corrupt images out instead of refusing them.
        limit: Use only so many images, evenly over the classes.
        device: Where it runs: ``local``, ``qemu:raspberry-pi-5``, ``ssh://USER@HOST`` or ``adb:SERIAL``.
        draw: Folder for pictures of a detector's boxes, fp32's and the artifact's side by side.
        progress: Called with images done, images in all, and what is being done.

    Raises:
        UsageError: Pictures were asked for, and the network's task makes none.
        InputError: The artifact or the data cannot be used.
        WorkerError: The runtime crashed, hung or ran out of memory.
    """
    tell = progress or (lambda _done, _total, _text: None)
    opened = Artifact.open(Path(artifact))
    task = task_of(opened.manifest.task)
    if draw is not None and not task.can_draw:
        raise UsageError("only a detector's boxes can be drawn", hint="leave --draw out")
    source = open_source(data, cache_dir=cache_dir())
    with tempfile.TemporaryDirectory(prefix="edgecnn-eval-") as folder:
        images = prepare(
            source,
            opened.contract,
            Path(folder) / "images",
            on_bad_image="skip" if skip_bad_images else "error",
            limit=limit,
            progress=lambda done, total: tell(done, total, "decoding"),
        )
        task.check(images, len(opened.manifest.classes))
        labelled = task.labelled(images)
        result, outputs = _evaluate(opened, images, labelled, data, Path(folder), tell, device)
        if draw is None:
            return result
        draw_answers(opened, source, images, labelled, outputs, draw)
        return result.model_copy(update={"drawn": str(draw)})


def _evaluate(
    artifact: Artifact,
    images: PreparedSet,
    labelled: LabelledSet,
    data: str,
    folder: Path,
    tell: Callable[[int, int, str], None],
    device: str,
) -> tuple[EvalResult, Sequence[npt.NDArray[np.float32]]]:
    target = artifact.manifest.target
    with (
        open_device(device) as where,
        where.open(
            target.runtime,
            artifact.model,
            log=folder / "worker.log",
            threads=target.threads,
            extra=runtime_options(target),
        ) as session,
    ):
        evaluation = session.evaluate(
            images.directory / "images.npy",
            images.contract,
            folder / "outputs",
            progress=lambda done, total: tell(done, total, "evaluating"),
        )
    values = labelled.values(evaluation.outputs)
    known = artifact.manifest.metrics
    result = EvalResult(
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
    )
    return result, evaluation.outputs
