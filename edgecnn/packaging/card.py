"""The model card for users and for Hugging Face's hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from edgecnn.backends.registry import find_format
from edgecnn.packaging.provenance import UNKNOWN
from edgecnn.packaging.templating import render

if TYPE_CHECKING:
    from edgecnn.core.store.manifest import Artifact
    from edgecnn.packaging.provenance import Licences
    from edgecnn.tasks.base import Task


def model_card(name: str, version: str, task: Task, artifact: Artifact, licences: Licences) -> bytes:
    """Return a model card in Markdown, with measured results only."""
    manifest = artifact.manifest
    matter = _front_matter(name, task, artifact, licences)
    text = render(
        "model_card.md",
        front_matter=yaml.safe_dump(matter, sort_keys=False).strip(),
        name=name,
        version=version,
        task=task.kind,
        manifest=manifest,
        contract=artifact.contract,
        licences=licences,
        metrics=manifest.metrics,
        links=manifest.verification,
    )
    return text.encode()


def _front_matter(name: str, task: Task, artifact: Artifact, licences: Licences) -> dict[str, Any]:
    """Return the metadata that the hub reads (its model card specification)."""
    manifest = artifact.manifest
    matter: dict[str, Any] = {
        "license": "other" if licences.model == UNKNOWN else licences.model.lower(),
        "library_name": find_format(manifest.target.format).hub_library,
        "pipeline_tag": task.hub_tag,
        "tags": ["edgecnn", manifest.target.format, manifest.precision],
    }
    metrics = manifest.metrics
    if metrics is None:
        return matter
    result = {
        "task": {"type": task.hub_tag},
        "dataset": {"name": str(metrics.data), "type": str(metrics.data).partition(":")[0]},
        "metrics": [
            {
                "type": task.hub_metrics.get(metrics.metric, metrics.metric),
                "value": round(metrics.value, 6),
                "name": metrics.metric,
            }
        ],
    }
    matter["model-index"] = [{"name": name, "results": [result]}]
    return matter
