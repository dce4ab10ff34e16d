"""The common files of all packages: model, labels, golden vectors, card, bill of materials."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_format, runtimes
from edgecnn.ondevice.bundle import LABELS, SCHEMA, PackageManifest
from edgecnn.packaging.card import model_card
from edgecnn.packaging.golden import golden_files
from edgecnn.packaging.provenance import Licences, provenance
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.core.store.manifest import Artifact
    from edgecnn.tasks.base import Task

CARD, SBOM, LICENCE = "MODEL_CARD.md", "sbom.cdx.json", "LICENSE"


@dataclass(frozen=True)
class Order:
    """The order of a package.

    Attributes:
        name: Name of its module.
        version: Its version.
        artifact: The packaged artifact.
        licences: Licences of model, data and code.
        epoch: Date of its files, in seconds since 1970.
        java_package: Java package of the Android library.
    """

    name: str
    version: str
    artifact: Artifact
    licences: Licences
    epoch: int
    java_package: str

    @property
    def task(self) -> Task:
        """Return the network's task."""
        return task_of(self.artifact.manifest.task)

    @property
    def model(self) -> str:
        """Return the name of the model file in the package."""
        return f"model{find_format(self.artifact.manifest.target.format).suffix}"

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Return the runtimes that can execute the model, the best first."""
        own = self.artifact.manifest.target.format
        return tuple(name for name, record in runtimes().items() if record.format == own and record.ships)


def payload(order: Order, log: Path) -> dict[str, bytes]:
    """Return the common files of every package of an artifact, by path, without the manifest.

    Raises:
        InputError: The model does not have a single image input.
        WorkerError: The runtime crashed or timed out.
    """
    manifest = order.artifact.manifest
    return {
        order.model: order.artifact.model_bytes(),
        LABELS: "".join(f"{label}\n" for label in manifest.classes).encode(),
        CARD: model_card(order.name, order.version, order.task, order.artifact, order.licences),
        LICENCE: resources.files("edgecnn.packaging").joinpath("templates", "LICENSE").read_bytes(),
        **golden_files(order.artifact, log),
    }


def seal(
    order: Order, platform: str, files: Mapping[str, bytes], outer: Mapping[str, bytes] | None = None
) -> bytes:
    """Return a package's manifest, with the SHA-256 of every file.

    Args:
        order: The package's order.
        platform: The platform.
        files: Files beside the manifest, by path from its folder.
        outer: Further members of the archive, by their full path.
    """
    manifest = order.artifact.manifest
    document = PackageManifest(
        schema_version=SCHEMA,
        name=order.name,
        version=order.version,
        platform=platform,
        task=manifest.task.kind,
        settings={**manifest.task.settings},
        model=order.model,
        runtimes=order.runtimes,
        classes=len(manifest.classes),
        contract=order.artifact.contract,
        files=digests(files),
        outer=digests(outer or {}),
        provenance=provenance(order.artifact, order.licences).to_json(),
    )
    return (json.dumps(document.to_json(), indent=1) + "\n").encode()


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of every file, ordered by name."""
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def named(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files by their path below a folder.

    >>> named("birds", {"labels.txt": b""})
    {'birds/labels.txt': b''}
    """
    return {f"{folder}/{name}": data for name, data in files.items()}
