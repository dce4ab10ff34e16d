"""Artifacts: a directory with a model and its manifest, which describes it and the proofs about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgecnn.core.documents.document import reason
from edgecnn.core.documents.manifest import SCHEMA, Manifest
from edgecnn.core.errors import DamagedEntry, InputError
from edgecnn.core.files import draft_directory, is_file
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_fields, digest_file
from edgecnn.core.text import first_line
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.json_text import parse_json

NAME = "manifest.json"
MAX_BYTES = 20_000_000
_MOST_READINGS = 5
_DIGEST = "manifest_digest"


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

        An artifact that is replaced meanwhile is read again.

        Raises:
            InputError: The directory is not an artifact, has another schema, or a file is missing or changed.
        """
        for _ in range(_MOST_READINGS):
            before = _identity(directory)
            try:
                return cls._open(directory)
            except InputError:
                if _identity(directory) == before:
                    raise
        return cls._open(directory)

    @classmethod
    def _open(cls, directory: Path) -> Artifact:
        path = directory / NAME
        if not is_file(path):
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
            if artifact.manifest.manifest_digest not in ("", digest_fields(data, _DIGEST)):
                raise InputError(
                    f"{path} was changed since it was written: its digest is another", hint="export it again"
                )
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
            if not is_file(path):
                raise InputError(f"{self.directory}: {name} is missing")
            try:
                found = digest_file(path)
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from error
            if found != digest:
                raise InputError(
                    f"{path} was changed since it was verified: its sha256 is not the manifest's",
                    hint="export it again",
                )

    def model_bytes(self) -> bytes:
        """Return the content of the model's main file, which is what was verified.

        Raises:
            InputError: The file cannot be read, or was changed since the artifact was opened.
        """
        try:
            content = self.model.read_bytes()
        except OSError as error:
            raise InputError(f"{self.model} cannot be read: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != self.manifest.files[self.manifest.model]:
            raise InputError(f"{self.model} was changed since it was verified", hint="export it again")
        return content

    def copy(self, directory: Path) -> Artifact:
        """Copy the artifact to a new directory, where nobody replaces it while it is used.

        Raises:
            InputError: It was replaced or changed since it was opened.
        """
        directory.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError, InputError):
            for name in (*self.manifest.files, NAME):
                shutil.copyfile(self.directory / name, directory / name)
            copied = Artifact.open(directory)
            if copied.manifest == self.manifest:
                return copied
        raise InputError(f"{self.directory} was replaced or changed while it was read", hint="try again")

    @staticmethod
    def publish(files: list[Path], manifest: Manifest, directory: Path) -> Artifact:
        """Write an artifact beside its final directory and put it there whole; an older one is replaced.

        Raises:
            DamagedEntry: A file is not the one that the manifest describes.
        """
        text = manifest.model_dump_json()
        plain = parse_json(text, most=len(text))
        plain[_DIGEST] = digest_fields(plain, _DIGEST)
        with draft_directory(directory) as draft:
            for file in files:
                shutil.copyfile(file, draft / file.name)
                if digest_file(draft / file.name) != manifest.files[file.name]:
                    raise DamagedEntry(f"{file} was changed since its step made it", hint="run again")
            (draft / NAME).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        return Artifact(directory, manifest.model_copy(update={_DIGEST: plain[_DIGEST]}))


def _identity(directory: Path) -> tuple[int, int] | None:
    """Return what tells a directory from the one that takes its place."""
    try:
        status = directory.stat()
    except (OSError, ValueError):  # a name with NUL is a ValueError
        return None
    return status.st_dev, status.st_ino
