"""The JSON documents of a package, and the results of ``package`` and ``verify``."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, JsonValue

from edgecnn.core.documents.accuracy import TaskMetrics
from edgecnn.core.documents.document import Document, Maybe, Number
from edgecnn.core.documents.link import Link
from edgecnn.core.documents.source import ModelOrigin
from edgecnn.ondevice.bundle import SCHEMA
from edgecnn.ondevice.tensor import TensorInfo


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


class PackageManifest(Document):
    """The manifest of a package; unknown fields of other versions of edgecnn are ignored."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int = SCHEMA
    name: str
    version: str
    platform: str
    task: str
    settings: dict[str, JsonValue] | None = None
    """Settings of the task; packages of edgecnn's first versions have none."""

    model: str
    runtimes: list[str]
    classes: int
    contract: dict[str, JsonValue]
    files: dict[str, str]
    """SHA-256 of every file beside the manifest, by relative path."""

    outer: dict[str, str]
    """SHA-256 of further members of the archive, by full path."""

    provenance: dict[str, JsonValue]
    """A :class:`Provenance`; it is not parsed, because other versions may have other fields."""


class GoldenPicture(Document):
    """A drawn picture and the digest of its input tensor."""

    file: str
    input_sha256: str


class GoldenOutput(Document):
    """One output of the reference kernels for all golden pictures."""

    name: str
    file: str
    """The values, little-endian, in the package."""

    dtype: str
    shape: tuple[int, ...]
    """Shape for one picture."""

    channels_last: bool
    scale: float | None
    zero_point: int | None
    tolerance: float
    """Largest allowed difference of shipping kernels: steps of an integer output, otherwise absolute."""


class GoldenVectors(Document):
    """``golden.json``: outputs of the reference kernels for a few pictures."""

    input: TensorInfo
    pictures: tuple[GoldenPicture, ...]
    outputs: tuple[GoldenOutput, ...]
    exact: tuple[str, ...]
    """Runtimes whose reference kernels must give the same bits."""


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
    """Pictures with the same best class, or with boxes of the same classes."""

    problems: tuple[str, ...]


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
    """Number of its files, each with the right digest."""

    signed: bool | None
    """True if its signature is valid; None if no key was given."""

    self_test: SelfTestReport | None
    """Result of the self-test; None if it was not run."""
