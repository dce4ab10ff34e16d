"""Diagnosis of an int8 artifact: the layers with the largest error, its cause, and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import cache_dir
from edgecnn.core.kept_log import temporary_folder
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.proof.diagnosis.subject import Subject
from edgecnn.ui.report.diagnosis import write_diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.core.documents.diagnosis import Diagnosis

IMAGES = 30
"""Number of images that is enough to rank layers; more make agreement and top-1 more precise."""


def diagnose(
    artifact: Path | str,
    data: str,
    *,
    images: int = IMAGES,
    float_file: Path | str | None = None,
    contract: Path | str | None = None,
    out: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Diagnosis:
    """Find the layers of an int8 artifact that lose accuracy.

    Args:
        artifact: Directory of an artifact, or an int8 file of one of the three formats.
        data: Real images: CSV file, folder or ``fashion-mnist:test``; labels are used if there are any.
        images: Number of images to use, evenly over the classes.
        float_file: The float file that it was quantized from; by default looked up in the store.
        contract: JSON file with the preprocessing contract of an int8 file outside an artifact: the contract
            itself, or a document with the key ``contract``, such as a checkpoint's ``spec.json``.
        out: Directory for the report as ``diagnosis.json``, ``diagnosis.md`` and ``diagnosis.svg``.
        progress: Called with (done, total) and the name of the work.

    Raises:
        InputError: The artifact is not int8, the float file is missing or of another network, or the images
            cannot be used.
        MissingDependency: A package of the format is not installed.
        WorkerError: The child process crashed, timed out or ran out of memory.
    """
    tell = progress or (lambda _done, _total, _text: None)
    subject = Subject.find(Path(artifact), _path(float_file), _path(contract))
    source = open_source(data, cache_dir=cache_dir())
    with temporary_folder("diagnose") as folder:
        prepared = prepare(
            source,
            subject.contract,
            folder / "images",
            limit=min(images, len(source)),
            progress=lambda done, total: tell(done, total, "decoding images"),
        )
        log = folder / "diagnose.log"
        found = subject.diagnose(prepared, log, lambda done, total: tell(done, total, "comparing layers"))
    if out is not None:
        write_diagnosis(found, out)
    return found


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
