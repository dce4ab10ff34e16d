"""An accepted run: what later runs are compared with."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, JsonValue

from edgecnn.core.documents.accuracy import Answers
from edgecnn.core.documents.document import Document, Maybe, Number
from edgecnn.core.documents.measured import Measured
from edgecnn.core.documents.quantization import CalibrationNotes

if TYPE_CHECKING:
    from edgecnn.core.documents.manifest import Manifest

SCHEMA = 1


def _beside(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value!r} is not beside the baseline's file")
    return value


class Fidelity(Document):
    """How close a file's outputs are to the network's; this shows damage that changes few answers."""

    conversion_sqnr_db: Number | None = None
    """Link 1: the float file against torch, in dB."""

    quantization_sqnr_db: Number | None = None
    """Link 2: the file in reference execution against the float file, in dB."""

    shipping_sqnr_db: Number | None = None
    """Link 3: the file in shipping execution against the float file, in dB."""

    agreement: Number | None = None
    """Share of the evaluated images with the answer of fp32 PyTorch."""

    images: int | None = None
    """Number of these images."""

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return what an artifact's links and task metric say."""
        links = {link.name: link.metrics for link in manifest.verification}
        metrics = manifest.metrics
        return cls(
            conversion_sqnr_db=links.get("conversion", {}).get("sqnr_db"),
            quantization_sqnr_db=links.get("quantization", {}).get("sqnr_db"),
            shipping_sqnr_db=links.get("kernels", {}).get("shipping_sqnr_db"),
            agreement=None if metrics is None else metrics.agreement,
            images=None if metrics is None else metrics.n,
        )


class TargetTerms(Document):
    """The terms on which a target was measured; other terms cannot be compared."""

    runtime: str
    precision: str
    isa: str
    """Instruction set that the file was made for."""

    threads: int
    """Threads of one inference."""

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the terms of an artifact."""
        target = manifest.target
        return cls(runtime=target.runtime, precision=target.precision, isa=target.isa, threads=target.threads)


class TargetBaseline(Document):
    """The accepted values of one target."""

    files: dict[str, str]
    """SHA-256 of every model file, by name."""

    measured: Measured
    """Every measured value that can have a budget."""

    tools: dict[str, str]
    """Versions of the tools that made, compiled and ran the file."""

    operations: dict[str, int]
    """Number of operations of the file, by type."""

    isa: str
    cpu: str
    """CPU of the machine that measured."""

    answers: Maybe[Answers] = None
    """Digest of the evaluation set and the images that were right."""

    fidelity: Fidelity | None = None
    """Agreement and signal to noise ratios; None in a file of an older version."""

    terms: TargetTerms | None = None
    """None in a file of an older version."""

    calibration: CalibrationNotes | None = None
    """The calibration set; None for a float file, or in a file of an older version."""

    preprocessing: dict[str, JsonValue] | None = None
    """The contract by which an image becomes the file's input; None in a file of an older version."""

    def is_same(self, manifest: Manifest) -> bool:
        """Return whether an artifact answers as the accepted one does: the same bytes see the same images.

        A record of an older version does not say how images were converted; the digest of the evaluation set
        tells the converted images.
        """
        if self.files != manifest.files:
            return False
        if self.preprocessing is not None:
            return self.preprocessing == manifest.contract
        sets = (None if answers is None else answers.digest for answers in (self.answers, manifest.answers))
        return len({*sets}) == 1


class Baseline(Document):
    """An accepted run."""

    schema_version: int = SCHEMA
    name: str
    """Name of the pipeline or network."""

    classes: str
    """Digest of the class names."""

    task: str | None = None
    """Kind of the task; None in a file of an older version."""

    edgecnn: str
    """Version of edgecnn that accepted the run."""

    accepted: str
    """Date, ISO 8601."""

    artifacts: Annotated[str, AfterValidator(_beside)] | None = None
    """Folder of the artifacts, relative to this file; None means edgecnn's own."""

    checksum: str | None = None
    """Digest of everything else in the file, which shows changes by hand; None in an older file."""

    targets: dict[str, TargetBaseline]


class Accepted(Document):
    """A baseline that was written."""

    file: str
    """The baseline's file."""

    name: str
    """Name of the pipeline or network."""

    artifacts: dict[str, str]
    """Directory in which each target's artifact is kept."""
