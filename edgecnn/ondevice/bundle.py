"""The files of a package on the device: model, labels, contract, golden vectors, and their digests."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Self

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.documents import PlainDocument
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.tasks.base import TaskAnswers, answers_of

SCHEMA = 1
MANIFEST = "manifest.json"
LABELS = "labels.txt"
MAX_JSON_BYTES = 20_000_000
MAX_PATH_BYTES = 255
"""Longest path of a file in a package; every file system has room for it as one name."""


@dataclass(frozen=True, kw_only=True)
class PackageManifest(PlainDocument):
    """The builder's data on a package; unknown fields of other versions of edgecnn are ignored.

    Attributes:
        schema_version: Version of this document.
        name: Name of the package.
        version: Its version.
        platform: Platform that it was built for.
        task: Name of the task, such as ``classification``.
        settings: The task's own settings; packages of edgecnn's first versions have none.
        model: Name of the model file.
        runtimes: Runtimes that can execute it, the best first.
        classes: Number of labels.
        contract: How an image becomes the model's input.
        files: The sha256 of every file beside the manifest.
        outer: The sha256 of every other member of the archive.
        provenance: Origin, licences and measured results of the model, for people.
    """

    lenient: ClassVar[bool] = True

    schema_version: int
    name: str
    version: str
    platform: str
    task: str
    settings: dict[str, object] | None = None
    model: str
    runtimes: tuple[str, ...]
    classes: int
    contract: Contract
    files: dict[str, str]
    outer: dict[str, str]
    provenance: dict[str, object]

    @classmethod
    def from_json(cls, data: object, name: str = "") -> Self:
        """Read a manifest; before tasks had settings, those of a detector were called ``detector``."""
        if isinstance(data, dict):
            if data.get("schema_version") != SCHEMA:
                raise ValueError(f"{name} has schema {data.get('schema_version')!r}, not {SCHEMA}")
            data = {"settings": data.get("detector"), **data}
        return super().from_json(data, name)


@dataclass(frozen=True)
class Bundle:
    """The files of a package, read.

    Attributes:
        folder: Folder that holds them.
        manifest: What the builder wrote.
        labels: Names of the classes.
        answers: Reads the model's outputs.
    """

    folder: Path
    manifest: PackageManifest
    labels: tuple[str, ...]
    answers: TaskAnswers

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read the files of a package.

        Raises:
            DamagedPackage: A file is missing or invalid.
        """
        try:
            manifest = PackageManifest.from_text(read_file(folder / MANIFEST), MANIFEST)
            answers = answers_of(manifest.task, manifest.settings or {})
        except ValueError as error:
            raise DamagedPackage(str(error)) from error
        labels = tuple(read_file(folder / LABELS).decode(errors="replace").splitlines())
        if len(labels) != manifest.classes:
            raise DamagedPackage(f"{LABELS} has {len(labels)} labels, not {manifest.classes}")
        bundle = cls(folder, manifest, labels, answers)
        if not os.path.isfile(bundle.model):  # noqa: PTH113 - `Path.is_file` raises an error of some names
            raise DamagedPackage(f"{bundle.model.name} is missing")
        return bundle

    @property
    def model(self) -> Path:
        """The model file."""
        return self.folder / plain_path(self.manifest.model)

    def check_files(self) -> None:
        """Compare every file with its SHA-256 in the manifest.

        Raises:
            DamagedPackage: A file is missing or was changed; the message names it.
        """
        for name, digest in self.manifest.files.items():
            if hashlib.sha256(read_file(self.folder / plain_path(name))).hexdigest() != digest:
                raise DamagedPackage(f"{name} was changed: its sha256 is not the manifest's")


def plain_path(name: str) -> str:
    """Return a relative path after checking that it is short and stays below its folder.

    Raises:
        DamagedPackage: It leads out of the folder, is no name of a file, or is too long.

    >>> plain_path("golden/0.ppm")
    'golden/0.ppm'
    """
    path = PurePosixPath(name)
    plain = name.isprintable() and len(name.encode("utf-8", errors="replace")) <= MAX_PATH_BYTES
    if (
        not plain
        or path.is_absolute()
        or "\\" in name
        or ".." in path.parts
        or str(path) != name
        or name == "."
    ):
        raise DamagedPackage(f"{name[:MAX_PATH_BYTES]!r} is no path inside the package")
    return name


def read_file(path: Path) -> bytes:
    """Return the content of a file; a JSON file may not be larger than ``MAX_JSON_BYTES``.

    Raises:
        DamagedPackage: It is missing, cannot be read or is too large.
    """
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
    except ValueError:
        raise DamagedPackage(f"{path.name!a} is no name of a file") from None
