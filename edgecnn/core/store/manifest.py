"""Artifacts: a directory with a model and its manifest, which describes it and the proofs about it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgecnn.core.documents.document import reason
from edgecnn.core.documents.manifest import SCHEMA, Manifest
from edgecnn.core.errors import InputError
from edgecnn.core.files import draft_directory
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_file
from edgecnn.core.text import first_line
from edgecnn.ondevice.contract import Contract

NAME = "manifest.json"
MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class Artifact:
    """An artifact on disk.

    Attributes:
        directory: Its directory.
        manifest: Its manifest.
    """

    directory: Path
    manifest: Manifest

    @property
    def model(self) -> Path:
        """Return the path of the model's main file."""
        return self.directory / self.manifest.model

    @property
    def contract(self) -> Contract:
        """The preprocessing contract."""
        return Contract.from_json(self.manifest.contract)

    @classmethod
    def open(cls, directory: Path) -> Artifact:
        """Open an artifact and check that its files are those that were verified.

        Raises:
            InputError: The directory is not an artifact, has another schema, or a file is missing or changed.
        """
        path = directory / NAME
        if not path.is_file():
            raise InputError(
                f"{directory} is not an artifact: it has no {NAME}",
                hint="give the directory that `edgecnn export` printed",
            )
        data = read_json(path, what="a manifest", most_bytes=MAX_BYTES)
        try:
            if not isinstance(data, dict) or data.get("schema_version") != SCHEMA:
                found = data.get("schema_version") if isinstance(data, dict) else None
                raise InputError(f"{path} has schema {found!r}; this version reads {SCHEMA}")
            artifact = cls(directory, Manifest.model_validate(data))
            Contract.from_json(artifact.manifest.contract)
        except ValidationError as error:
            raise InputError(f"{path} is not a manifest: {reason(error)}") from error
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} is not a manifest: {first_line(error)}") from error
        artifact._check_files()
        return artifact

    def _check_files(self) -> None:
        if self.manifest.model not in self.manifest.files:
            raise InputError(f"{self.directory}: the model {self.manifest.model!r} is not among its files")
        for name, digest in self.manifest.files.items():
            if Path(name).name != name:
                raise InputError(f"{self.directory}: {name!r} is not a plain file name")
            path = self.directory / name
            if not path.is_file():
                raise InputError(f"{self.directory}: {name} is missing")
            if digest_file(path) != digest:
                raise InputError(
                    f"{path} was changed since it was verified: its sha256 is not the manifest's",
                    hint="export it again",
                )

    @staticmethod
    def publish(files: list[Path], manifest: Manifest, directory: Path) -> Artifact:
        """Write an artifact beside its final directory and rename it; an older one is replaced."""
        with draft_directory(directory) as draft:
            for file in files:
                shutil.copyfile(file, draft / file.name)
            (draft / NAME).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return Artifact(directory, manifest)
