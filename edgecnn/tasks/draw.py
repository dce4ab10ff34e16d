"""Pictures of a network's answers: the float file's and the artifact's, side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgecnn.backends.origin import float_file
from edgecnn.backends.registry import find_format
from edgecnn.core.errors import not_written
from edgecnn.devices.local import LocalDevice
from edgecnn.ondevice.preprocess import upright

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edgecnn.core.store.manifest import Artifact
    from edgecnn.data.base import ImageSource
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.tasks.base import LabelledSet

    Outputs = Sequence[npt.NDArray[np.float32]]


def draw_answers(
    artifact: Artifact,
    source: ImageSource,
    images: PreparedSet,
    labelled: LabelledSet,
    outputs: Outputs,
    out: Path,
) -> None:
    """Write one JPEG an image into ``out``.

    Args:
        artifact: Its network's task makes pictures.
        source: Source of the photos.
        images: The images that were evaluated.
        labelled: Draws the answers.
        outputs: The artifact's outputs for them, float32 ``[N, ...]`` each.
        out: The folder; it is made.

    Raises:
        InputError: The float file of an int8 artifact is gone, or the folder cannot be written.
    """
    columns = {artifact.manifest.target.name: outputs}
    if artifact.manifest.precision == "int8":
        columns = {"fp32": _float_outputs(artifact, images), **columns}
    places = {source.name(index): index for index in range(len(source))}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(images.names):
            photo = upright(source.load(places[name]))
            sheet = labelled.draw(photo, number, columns, artifact.manifest.classes)
            sheet.save(out / f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)}.jpg", quality=90)
    except OSError as error:
        raise not_written(out, error) from error


def _float_outputs(artifact: Artifact, images: PreparedSet) -> Outputs:
    folder = images.directory.parent
    target = artifact.manifest.target
    with LocalDevice().open(
        find_format(target.format).runtime,
        float_file(artifact),
        log=folder / "float.log",
        threads=target.threads,
    ) as session:
        done = session.evaluate(images.directory / "images.npy", images.contract, folder / "float")
    return done.outputs
