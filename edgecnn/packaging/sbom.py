"""A package's parts as a CycloneDX bill of materials (specification 1.6, JSON)."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import edgecnn
from edgecnn.packaging.provenance import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.accuracy import TaskMetrics
    from edgecnn.packaging.payload import Order
    from edgecnn.packaging.provenance import Licences

_SPEC = "1.6"


def sbom(order: Order, *, purl: str, model: bytes, dependencies: Sequence[tuple[str, str]]) -> bytes:
    """Return the bill of materials of a package.

    Args:
        order: The package's order.
        purl: Its package URL.
        model: The model file.
        dependencies: Names and package URLs of its dependencies.
    """
    name, version, licences = order.name, order.version, order.licences
    digest = hashlib.sha256(model).hexdigest()
    parts = [
        _model(name, version, digest, order.task.hub_tag, order.artifact.manifest.metrics, licences),
        {
            "type": "library",
            "bom-ref": "edgecnn-ondevice",
            "name": "edgecnn.ondevice",
            "version": edgecnn.__version__,
            "licenses": _licence(licences.code),
        },
    ]
    libraries: list[dict[str, Any]] = [
        {"type": "library", "bom-ref": url, "name": library, "purl": url} for library, url in dependencies
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{purl}#{digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(order.epoch)),
            "tools": {
                "components": [{"type": "application", "name": "edgecnn", "version": edgecnn.__version__}]
            },
            "component": {
                "type": "application",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
            },
        },
        "components": [*parts, *libraries],
        "dependencies": [
            {"ref": purl, "dependsOn": sorted(item["bom-ref"] for item in (*parts, *libraries))},
            *({"ref": item["bom-ref"]} for item in (*parts, *libraries)),
        ],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _model(
    name: str, version: str, digest: str, task: str, metrics: TaskMetrics | None, licences: Licences
) -> dict[str, Any]:
    measured = []
    if metrics is not None:
        measured.append({"type": metrics.metric, "value": str(metrics.value)})
    return {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": f"{name}-model",
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": _licence(licences.model),
        "modelCard": {
            "modelParameters": {"approach": {"type": "supervised"}, "task": task},
            "quantitativeAnalysis": {"performanceMetrics": measured},
            "properties": [{"name": "edgecnn:data-licence", "value": licences.data}],
        },
    }


def _licence(expression: str) -> list[dict[str, Any]]:
    """Return a licence in CycloneDX's form; an SPDX expression must not be unknown."""
    return [{"license": {"name": expression}} if expression == UNKNOWN else {"expression": expression}]
