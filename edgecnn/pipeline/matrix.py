"""Comparison of an artifact in several versions of its runtime: outputs, accuracy, speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import computed_field

from edgecnn.backends.registry import find_runtime
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.latency import LatencyRatio
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.versions import RuntimeVersion, require_version
from edgecnn.pipeline.evaluation import labelled_images
from edgecnn.proof.accuracy.classification import agreement
from edgecnn.proof.accuracy.paired import AccuracyTest
from edgecnn.proof.latency.latency_test import Effort, compare_latency
from edgecnn.proof.latency.measurement import pinned_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from edgecnn.core.store.manifest import Artifact
    from edgecnn.devices.session import Session
    from edgecnn.tasks.base import LabelledSet

    Outputs = Sequence[npt.NDArray[np.float32]]

_NOISE_IMAGES = 16


class MatrixRow(Document):
    """The results of an artifact in one version of a runtime."""

    runtime: str
    """Name and version."""

    error: str | None = None
    """The reason why it does not run the artifact; None if it does."""

    max_abs: float | None = None
    """Largest difference of an output from the first version's."""

    agreement: float | None = None
    """Share of images with the class of the first version, or of detections that both give."""

    accuracy: AccuracyTest | None = None
    """The paired test with the first version on the same images.

    None without labelled images, or if the outputs are bit-identical.
    """

    latency: LatencyRatio | None = None
    """The comparison with the first version, timed in turns; None for the first."""

    @computed_field
    @property
    def verdict(self) -> Verdict:
        """Return ``fail`` if this version breaks the artifact or is slower than allowed."""
        verdicts = [part.verdict for part in (self.accuracy, self.latency) if part is not None]
        if self.error is not None or Verdict.FAIL in verdicts:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.PASS

    @property
    def is_broken(self) -> bool:
        """Return whether this version does not run the artifact or makes it less accurate."""
        worse = self.accuracy is not None and self.accuracy.verdict is Verdict.FAIL
        return self.error is not None or worse


class MatrixResult(Document):
    """The results of an artifact in several versions of a runtime."""

    artifact: str
    """Its directory."""

    rows: tuple[MatrixRow, ...]
    """One row for each version; all others are compared with the first."""

    host: Host

    @property
    def exit_code(self) -> int:
        """Return 4 if a version breaks the artifact, 3 if one is only slower, otherwise 0."""
        if any(row.is_broken for row in self.rows):
            return 4
        return 3 if any(row.verdict is Verdict.FAIL for row in self.rows) else 0


def compare_versions(
    artifact: Artifact,
    versions: Sequence[RuntimeVersion],
    *,
    data: str | None = None,
    limit: int | None = None,
    latency_limit: float,
    effort: Effort,
) -> MatrixResult:
    """Run an artifact in several versions of a runtime, each in a separate environment.

    Args:
        artifact: The artifact.
        versions: Versions with installed environments; the first is the reference.
        data: Labelled images; without them fixed noise is used and accuracy is not judged.
        limit: Largest number of images.
        latency_limit: Largest ratio to the first version that passes.
        effort: Extent of a latency comparison.

    Raises:
        MissingDependency: An environment is missing.
        InputError: The data cannot be used.
        WorkerError: The first version does not run the artifact.
    """
    pythons = [require_version(version) for version in versions]
    with temporary_folder("matrix") as folder:
        copy = artifact.copy(folder / "artifact")
        images, labelled = _images(artifact, data, limit, folder)
        trial = _Trial(copy, images, folder, effort, latency_limit)
        truth = trial.outputs(versions[0], pythons[0])
        rows = [MatrixRow(runtime=str(versions[0]), max_abs=0.0, agreement=1.0)]
        for version, python in zip(versions[1:], pythons[1:], strict=True):
            try:
                outputs = trial.outputs(version, python)
                pair = trial.compare((version, python), (versions[0], pythons[0]))
            except EdgecnnError as error:
                rows.append(MatrixRow(runtime=str(version), error=error.message))
                continue
            rows.append(_row(version, outputs, truth, labelled, pair))
    return MatrixResult(artifact=str(artifact.directory), rows=tuple(rows), host=host())


def check_versions(artifact: Artifact, versions: Sequence[RuntimeVersion]) -> None:
    """Check that there are at least two versions and that each runs the artifact's format.

    Raises:
        UsageError: There is only one version, or a runtime is for files of another format.
    """
    if len(versions) < 2:
        raise UsageError(
            "one version alone cannot be compared with another",
            hint="name two: --runtime onnxruntime==1.20.1,1.22.0",
        )
    for version in versions:
        if find_runtime(version.runtime).format != artifact.manifest.target.format:
            raise UsageError(
                f"{version} does not run {artifact.manifest.target.format} files",
                hint=f"this artifact ships in {find_runtime(artifact.manifest.target.runtime).distribution}",
            )


def _row(
    version: RuntimeVersion,
    outputs: Outputs,
    truth: Outputs,
    labelled: LabelledSet | None,
    pair: LatencyRatio,
) -> MatrixRow:
    max_abs = max(float(np.abs(one - other).max()) for one, other in zip(outputs, truth, strict=True))
    return MatrixRow(
        runtime=str(version),
        max_abs=max_abs,
        agreement=agreement(outputs[0], truth[0]) if labelled is None else labelled.agreement(outputs, truth),
        accuracy=None if labelled is None or max_abs == 0.0 else labelled.compare(outputs, truth),
        latency=pair,
    )


def _images(
    artifact: Artifact, data: str | None, limit: int | None, folder: Path
) -> tuple[Path, LabelledSet | None]:
    """Return prepared images and the task of their labels or boxes; noise if there are no data."""
    contract = artifact.contract
    if data is None:
        shape = (_NOISE_IMAGES, contract.height, contract.width, contract.channels)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.save(folder / "noise.npy", noise, allow_pickle=False)
        return folder / "noise.npy", None
    prepared, labelled = labelled_images(
        artifact, open_source(data, cache_dir=cache_dir()), folder / "images", limit=limit
    )
    return prepared.directory / "images.npy", labelled


@dataclass(frozen=True)
class _Trial:
    """The artifact, the images, and the settings of the measurement."""

    artifact: Artifact
    images: Path
    folder: Path
    effort: Effort
    latency_limit: float

    def outputs(self, version: RuntimeVersion, python: Path) -> Outputs:
        """Return every output for every image, float32 ``[N, ...]`` each."""
        with self._opener(version, python)() as session:
            done = session.evaluate(self.images, self.artifact.contract, self.folder / str(version))
        return [np.array(output) for output in done.outputs]

    def compare(self, one: tuple[RuntimeVersion, Path], other: tuple[RuntimeVersion, Path]) -> LatencyRatio:
        """Time two versions in turns."""
        return compare_latency(
            self._opener(*one), self._opener(*other), limit=self.latency_limit, effort=self.effort
        )

    def _opener(self, version: RuntimeVersion, python: Path) -> Callable[[], Session]:
        threads = self.artifact.manifest.target.threads
        device, log = LocalDevice(python=python), self.folder / f"{version}.log"
        return pinned_opener(device, version.runtime, self.artifact.model, log=log, threads=threads)
