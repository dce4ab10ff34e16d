"""The provenance of a package, its self-test, and the results of ``package`` and ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from edgecnn.core.documents.accuracy import TaskMetrics
from edgecnn.core.documents.document import Document, Maybe, Number
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.source import ModelOrigin


class EvaluationData(Document):
    """The labelled images that a model was evaluated on."""

    name: str | None
    digest: str | None
    images: int | None


class ProvenanceData(Document):
    """The images that a model was evaluated and calibrated on."""

    evaluation: EvaluationData
    calibration: JsonValue


class Provenance(Document):
    """The origin of a package: licences, data, proofs and measurements.

    It contains neither the machine nor the time, so the same artifact gives the same text.
    """

    edgecnn: str
    """Version that made the package."""

    pipeline: str
    target: str
    precision: str
    artifact_sha256: str
    source: ModelOrigin
    data: ProvenanceData
    metrics: Maybe[TaskMetrics]
    verification: list[Link]
    licences: dict[str, str]
    """SPDX expressions of ``model``, ``data`` and ``code``."""

    tools: dict[str, str]
    """Versions of the tools that made, compiled and ran the file."""


class SelfTestReport(Document):
    """The result of a package's self-test, as its command prints it."""

    passed: bool
    pictures: int
    runtime: str
    """The runtime that executed the model, with its version."""

    preprocessing_equal: int
    """Number of input tensors that were equal to the last bit."""

    reference_equal: int | None
    """Pictures with bit-identical outputs of the reference kernels; None if those are not integer."""

    largest_difference: Number
    """Largest difference of shipping kernels, in units of each output's tolerance."""

    bit_identical: int
    """Pictures with bit-identical outputs of the shipping kernels."""

    same_best: int
    """Pictures with the same answer, by the comparison of the task."""

    problems: tuple[str, ...]

    compared: str = "answer"
    """What the task compares for ``same_best``; packages of older versions do not say it."""


class PackagedFile(Document):
    """A file that was written for a package."""

    path: Path
    bytes: int
    sha256: str


class PackageResult(Document):
    """The files of a package, and its self-test on this machine."""

    name: str
    version: str
    platform: str
    target: str
    """The target whose artifact is in it."""

    files: tuple[PackagedFile, ...]
    """The package itself first; signatures come last."""

    folders: tuple[Path, ...]
    self_test: SelfTestReport

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return all files, the package itself first, then the folders."""
        return (*(file.path for file in self.files), *self.folders)


class VerifyResult(Document):
    """Result of the verification of a package."""

    path: Path
    name: str
    version: str
    platform: str
    members: int
    """Number of its files, each with the digest that its own manifest gives."""

    signed: bool | None
    """True if its signature is valid; None if no key was given."""

    self_test: SelfTestReport | None
    """Result of the self-test; None if it was not run."""

    self_test_code: Literal["package", "edgecnn"] | None
    """Whose code ran the self-test: the package's own, or edgecnn's with the package's data."""
