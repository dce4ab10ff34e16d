"""The origin of a package: licences, data, proofs and measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import edgecnn
from edgecnn.core.documents.package import EvaluationData, Provenance, ProvenanceData
from edgecnn.core.store.digest import digest_file
from edgecnn.core.store.manifest import NAME

if TYPE_CHECKING:
    from edgecnn.core.store.manifest import Artifact

UNKNOWN = "NOASSERTION"
"""SPDX's value for an unknown licence."""

# Licences of datasets that edgecnn can fetch.
_DATA_LICENCES = {"fashion-mnist": "MIT"}


@dataclass(frozen=True)
class Licences:
    """Licences as SPDX expressions, :data:`UNKNOWN` if unknown.

    Attributes:
        model: Licence of the trained weights.
        data: Licence of the training data.
        code: Licence of the code in the package.
    """

    model: str
    data: str
    code: str = "Apache-2.0"

    @classmethod
    def of(cls, artifact: Artifact, model: str | None, data: str | None) -> Licences:
        """Return the user's licences, with the artifact's as defaults."""
        source = str(artifact.manifest.source.licence or UNKNOWN)
        metrics = artifact.manifest.metrics
        dataset = "" if metrics is None else str(metrics.data).partition(":")[0]
        return cls(model or source, data or _DATA_LICENCES.get(dataset, UNKNOWN))


def provenance(artifact: Artifact, licences: Licences) -> Provenance:
    """Return the provenance of an artifact."""
    manifest = artifact.manifest
    metrics, answers = manifest.metrics, manifest.answers
    evaluation = EvaluationData(
        name=None if metrics is None else metrics.data,
        digest=None if answers is None else answers.digest,
        images=None if metrics is None else metrics.n,
    )
    return Provenance(
        edgecnn=edgecnn.__version__,
        pipeline=manifest.name,
        target=manifest.target.name,
        precision=manifest.precision,
        artifact_sha256=digest_file(artifact.directory / NAME),
        source=manifest.source,
        data=ProvenanceData(evaluation=evaluation, calibration=manifest.quantization.get("calibration")),
        metrics=metrics,
        verification=manifest.verification,
        licences={"model": licences.model, "data": licences.data, "code": licences.code},
        tools=manifest.tools,
    )
