"""Comparison of an artifact in several versions of its runtime: outputs, accuracy, speed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.versions import install_version, parse_versions
from edgecnn.pipeline.matrix import check_versions, compare_versions
from edgecnn.proof.latency.latency_test import Effort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.pipeline.matrix import MatrixResult


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
    """Run an artifact in several versions of a runtime, each in a separate environment.

    Args:
        artifact: Directory of the artifact.
        runtimes: Such as ``onnxruntime==1.20.1,1.22.0``; the first version is the reference.
        data: Labelled images; without them fixed noise is used and accuracy is not judged.
        limit: Largest number of images.
        install: Whether to install missing environments, which needs downloads.
        latency_limit: Largest ratio to the first version that passes.
        seconds: Time limit of an undecided latency comparison.

    Raises:
        UsageError: A version is invalid, or the runtime does not execute this file.
        MissingDependency: An environment is missing, or could not be made.
        InputError: The artifact or the data cannot be used.
        WorkerError: The first version does not run the artifact.
    """
    opened = Artifact.open(Path(artifact))
    versions = [version for text in runtimes for version in parse_versions(text)]
    check_versions(opened, versions)
    for version in versions if install else ():
        install_version(version)
    effort = Effort(seconds=seconds)
    return compare_versions(
        opened, versions, data=data, limit=limit, latency_limit=latency_limit, effort=effort
    )
