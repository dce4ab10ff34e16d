"""Pictures of what a detector finds: the float file's boxes and the artifact's, side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_format
from edgecnn.core.errors import InputError
from edgecnn.devices.local import LocalDevice
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.preprocess import upright
from edgecnn.ui.api.provenance import float_file
from edgecnn.ui.report.boxes import Panel, draw_panels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edgecnn.core.store.manifest import Artifact
    from edgecnn.data.base import Source
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.detector import Detections

    Outputs = Sequence[npt.NDArray[np.float32]]


def draw_boxes(artifact: Artifact, source: Source, images: PreparedSet, outputs: Outputs, out: Path) -> None:
    """Write one JPEG an image into ``out``.

    Args:
        artifact: A detector.
        source: Where the photos are.
        images: The images that were evaluated.
        outputs: What the artifact answered for them, float32 ``[N, C, H, W]`` each.
        out: The folder; it is made.

    Raises:
        InputError: The float file of an int8 artifact is gone, or the folder cannot be written.
    """
    columns = [(artifact.manifest.target.name, _decode(artifact, images, outputs))]
    if artifact.manifest.precision == "int8":
        columns.insert(0, ("fp32", _decode(artifact, images, _float_outputs(artifact, images))))
    assert images.objects is not None  # noqa: S101 - a detector is evaluated on boxes only
    places = {source.name(index): index for index in range(len(source))}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(images.names):
            panels = [Panel(title, found[number]) for title, found in columns]
            photo = upright(source.load(places[name]))
            sheet = draw_panels(photo, panels, images.objects[number], artifact.manifest.classes)
            sheet.save(out / f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)}.jpg", quality=90)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error


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


def _decode(artifact: Artifact, images: PreparedSet, outputs: Outputs) -> list[Detections]:
    detector = artifact.detector
    assert detector is not None  # noqa: S101 - the caller checked; tells the type checker
    assert images.objects is not None  # noqa: S101 - likewise
    return decode(detector, outputs, images.contract, images.objects.sizes)
