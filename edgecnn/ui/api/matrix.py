"""Run one artifact in several versions of its runtime: outputs, accuracy, speed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
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
from edgecnn.core.store.manifest import Artifact
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.versions import RuntimeVersion, install_version, parse_versions, require_version
from edgecnn.proof.accuracy.classification import agreement
from edgecnn.proof.accuracy.paired import AccuracyTest
from edgecnn.proof.latency.latency_test import Effort, compare_latency
from edgecnn.proof.latency.measurement import pinned_opener
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from edgecnn.devices.session import Session
    from edgecnn.tasks.base import LabelledSet

    Outputs = Sequence[npt.NDArray[np.float32]]

_NOISE_IMAGES = 16


class MatrixRow(Document):
    """What one version of a runtime makes of an artifact.

    Attributes:
        runtime: Name and version.
        error: Why it does not run it; None if it does.
        max_abs: Largest difference of an output from the first version's.
        agreement: Share of images with the class of the first version, or of detections that both have.
        accuracy: Paired with the first version on the same images; None without labelled images, and where
            the outputs are the same to the last bit.
        latency: Compared with the first version in turns; None for the first.
    """

    runtime: str
    error: str | None = None
    max_abs: float | None = None
    agreement: float | None = None
    accuracy: AccuracyTest | None = None
    latency: LatencyRatio | None = None

    @computed_field
    @property
    def verdict(self) -> Verdict:
        """``fail`` where this version breaks the artifact or is slower than allowed."""
        verdicts = [part.verdict for part in (self.accuracy, self.latency) if part is not None]
        if self.error is not None or Verdict.FAIL in verdicts:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.PASS


class MatrixResult(Document):
    """What several versions make of an artifact; the first is what the others are compared with.

    Attributes:
        artifact: Its directory.
        rows: One a version.
        host: The machine.
    """

    artifact: str
    rows: tuple[MatrixRow, ...]
    host: Host

    @property
    def exit_code(self) -> int:
        """4 if a version breaks the artifact, 3 if one is only slower, else 0."""
        failed = [row for row in self.rows if row.verdict is Verdict.FAIL]
        if not failed:
            return 0
        return 3 if all(_only_slower(row) for row in failed) else 4


def _only_slower(row: MatrixRow) -> bool:
    return row.error is None and (row.accuracy is None or row.accuracy.verdict is not Verdict.FAIL)


def matrix(
    artifact: Path | str,
    runtimes: Sequence[str],
    *,
    data: str | None = None,
    limit: int | None = None,
    install: bool = False,
    latency_limit: float = 1.02,
    seconds: float = 20.0,
) -> MatrixResult:
    """Run an artifact in several versions of a runtime, each in an environment of its own.

    Args:
        artifact: Directory of the artifact.
        runtimes: Such as ``onnxruntime==1.20.1,1.22.0``; the first version is compared with.
        data: Labelled images; without them fixed noise is run, and accuracy is not judged.
        limit: Use only so many images.
        install: Make the environments that are missing; else nothing is downloaded.
        latency_limit: Largest ratio to the first version that passes.
        seconds: Time for one latency comparison that is not decided.

    Raises:
        UsageError: A version is no version, or the runtime is not one for this file.
        MissingDependency: An environment is missing, or could not be made.
        InputError: The artifact or the data cannot be used.
        WorkerError: The first version, which the others are compared with, does not run it.
    """
    opened = Artifact.open(Path(artifact))
    versions = [version for text in runtimes for version in parse_versions(text)]
    _check_formats(opened, versions)
    for version in versions if install else ():
        install_version(version)
    pythons = [require_version(version) for version in versions]
    with tempfile.TemporaryDirectory(prefix="edgecnn-matrix-") as folder:
        images, labelled = _images(opened, data, limit, Path(folder))
        trial = _Trial(opened, images, Path(folder), Effort(seconds=seconds), latency_limit)
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
    return MatrixResult(artifact=str(opened.directory), rows=tuple(rows), host=host())


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


def _check_formats(artifact: Artifact, versions: Sequence[RuntimeVersion]) -> None:
    if len(versions) < 2:
        raise UsageError(
            "one version alone is compared with nothing",
            hint="name two: --runtime onnxruntime==1.20.1,1.22.0",
        )
    for version in versions:
        if find_runtime(version.runtime).format != artifact.manifest.target.format:
            raise UsageError(
                f"{version} does not run {artifact.manifest.target.format} files",
                hint=f"this artifact ships in {find_runtime(artifact.manifest.target.runtime).distribution}",
            )


def _images(
    artifact: Artifact, data: str | None, limit: int | None, folder: Path
) -> tuple[Path, LabelledSet | None]:
    """Return prepared images and the task that their labels or boxes make; noise where there is no data."""
    contract = artifact.contract
    if data is None:
        shape = (_NOISE_IMAGES, contract.height, contract.width, contract.channels)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.save(folder / "noise.npy", noise, allow_pickle=False)
        return folder / "noise.npy", None
    images = prepare(open_source(data, cache_dir=cache_dir()), contract, folder / "images", limit=limit)
    task = task_of(artifact.manifest.task)
    task.check(images, len(artifact.manifest.classes))
    return images.directory / "images.npy", task.labelled(images)


@dataclass(frozen=True)
class _Trial:
    """The artifact, the images, and how the versions are measured."""

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
