"""The files of a package on the device: model, labels, contract, golden vectors, and their digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.tasks.base import TaskAnswers, answers_of

SCHEMA = 1
MANIFEST = "manifest.json"
LABELS = "labels.txt"
MAX_JSON_BYTES = 20_000_000


@dataclass(frozen=True)
class Bundle:
    """What a package holds.

    Attributes:
        folder: Where its files lie.
        name: Name of the package.
        version: Its version.
        model: The model file.
        runtimes: What can execute it, the best first.
        contract: How an image becomes its input.
        labels: Names of the classes.
        task: Name of the task, such as ``classification``.
        answers: What the model's outputs say.
        manifest: Everything that the builder wrote: digests, provenance, metrics.
    """

    folder: Path
    name: str
    version: str
    model: Path
    runtimes: tuple[str, ...]
    contract: Contract
    labels: tuple[str, ...]
    task: str
    answers: TaskAnswers
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read the files of a package.

        Raises:
            DamagedPackage: One is missing or cannot be what the builder wrote.
        """
        manifest = read_json(folder / MANIFEST)
        if manifest.get("schema_version") != SCHEMA:
            raise DamagedPackage(f"{MANIFEST} has schema {manifest.get('schema_version')!r}, not {SCHEMA}")
        try:
            bundle = cls(
                folder=folder,
                name=str(manifest["name"]),
                version=str(manifest["version"]),
                model=folder / plain_path(str(manifest["model"])),
                runtimes=tuple(str(name) for name in manifest["runtimes"]),
                contract=Contract.from_json(manifest["contract"]),
                labels=tuple(_read(folder / LABELS).decode().splitlines()),
                task=str(manifest["task"]),
                # Packages of before tasks had settings describe a detector by that name.
                answers=answers_of(
                    str(manifest["task"]), manifest.get("settings") or manifest.get("detector") or {}
                ),
                manifest=manifest,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedPackage(f"{MANIFEST} cannot be used: {error}") from error
        if len(bundle.labels) != manifest.get("classes"):
            raise DamagedPackage(f"{LABELS} has {len(bundle.labels)} labels, not {manifest.get('classes')}")
        if not bundle.model.is_file():
            raise DamagedPackage(f"{bundle.model.name} is missing")
        return bundle

    def check_files(self) -> None:
        """Compare every file with its sha256 in the manifest.

        Raises:
            DamagedPackage: A file is missing or was changed; the message names it.
        """
        for name, digest in self.manifest["files"].items():
            if hashlib.sha256(_read(self.folder / plain_path(name))).hexdigest() != digest:
                raise DamagedPackage(f"{name} was changed: its sha256 is not the manifest's")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of bounded size.

    Raises:
        DamagedPackage: It is missing, too large or no JSON object.
    """
    try:
        data = json.loads(_read(path))
    except ValueError as error:
        raise DamagedPackage(f"{path.name} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise DamagedPackage(f"{path.name} holds no JSON object")
    return data


def plain_path(name: str) -> str:
    """Return a relative path that stays below its folder.

    Raises:
        DamagedPackage: It does not.

    >>> plain_path("golden/0.ppm")
    'golden/0.ppm'
    """
    path = PurePosixPath(name)
    if not name or path.is_absolute() or "\\" in name or ".." in path.parts or str(path) != name:
        raise DamagedPackage(f"{name!r} is no path inside the package")
    return name


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if path.suffix == ".json":
                data = file.read(MAX_JSON_BYTES + 1)
                if len(data) > MAX_JSON_BYTES:
                    raise DamagedPackage(f"{path.name} is larger than {MAX_JSON_BYTES} bytes")
                return data
            return file.read()
    except OSError as error:
        raise DamagedPackage(f"{path.name} cannot be read: {error.strerror}") from error
