"""Accepted baselines: a small readable file in the user's repository, and the artifacts that it names.

The file holds the measured values and the digests of the artifacts' files; the artifacts themselves are in a
folder of the user or of edgecnn. An artifact is found by its target and the digest of its files, so the only
path in the file is the folder, which must be beside it.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import AfterValidator

import edgecnn
from edgecnn.core.config.paths import home
from edgecnn.core.config.yaml_source import read_yaml, validate
from edgecnn.core.documents.accuracy import Answers
from edgecnn.core.documents.document import Document, Maybe
from edgecnn.core.documents.measured import Measured
from edgecnn.core.errors import InputError
from edgecnn.core.files import draft_directory, draft_file
from edgecnn.core.store.digest import digest_json
from edgecnn.core.store.manifest import Artifact

if TYPE_CHECKING:
    from edgecnn.core.documents.manifest import Manifest

SCHEMA = 1
_HEADER = """\
# What was accepted for {name}; compare with: edgecnn check RUN --baseline THIS_FILE
# Made by `edgecnn baseline accept`; do not edit, accept again.
"""


def _beside(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value!r} is not beside the baseline's file")
    return value


MAX_BYTES = 1 << 20
"""Largest baseline that is read, in bytes; each target has some thousands."""


class TargetBaseline(Document):
    """The accepted values of one target."""

    files: dict[str, str]
    """SHA-256 of every model file, by name."""

    measured: Measured
    """Every measured value that can have a budget."""

    tools: dict[str, str]
    """Versions of the tools that made, compiled and ran the file."""

    operations: dict[str, int]
    """Number of operations of the file, by type."""

    isa: str
    cpu: str
    """CPU of the machine that measured."""

    answers: Maybe[Answers] = None
    """Digest of the evaluation set and the images that were right."""

    @property
    def digest(self) -> str:
        """Return the digest of the artifact's model files."""
        return digest_json(self.files)


class Baseline(Document):
    """An accepted run."""

    schema_version: int = SCHEMA
    name: str
    """Name of the pipeline or network."""

    classes: str
    """Digest of the class names."""

    edgecnn: str
    """Version of edgecnn that accepted the run."""

    accepted: str
    """Date, ISO 8601."""

    artifacts: Annotated[str, AfterValidator(_beside)] | None = None
    """Folder of the artifacts, relative to this file; None means edgecnn's own."""

    targets: dict[str, TargetBaseline]

    def folder(self, file: Path) -> Path:
        """Return the folder of the artifacts of the baseline in ``file``."""
        return baselines_dir() if self.artifacts is None else file.parent / self.artifacts


class Accepted(Document):
    """A baseline that was written."""

    file: str
    """The baseline's file."""

    name: str
    """Name of the pipeline or network."""

    artifacts: dict[str, str]
    """Directory in which each target's artifact is kept."""


def baselines_dir() -> Path:
    """Return edgecnn's own folder of accepted artifacts."""
    return home() / "baselines"


def accept(found: dict[str, Artifact], file: Path, *, artifacts: Path | None, force: bool) -> Accepted:
    """Write a baseline's file and keep the artifacts that it names.

    Args:
        found: The artifacts of a run by their target.
        file: The baseline's file.
        artifacts: Folder that keeps the artifacts, below the file's own; edgecnn's own when not given.
        force: Replace a baseline of another model.

    Raises:
        InputError: The file is another model's, or a folder cannot be written.
    """
    first = next(iter(found.values())).manifest
    if file.is_file() and not force:
        _require_same_model(read_baseline(file), file, first.name)
    baseline = Baseline(
        name=first.name,
        classes=classes_digest(first),
        edgecnn=edgecnn.__version__,
        accepted=datetime.now(UTC).date().isoformat(),
        artifacts=None if artifacts is None else _relative(artifacts, file.parent),
        targets={name: record(artifact.manifest) for name, artifact in found.items()},
    )
    folder = artifacts or baselines_dir()
    kept = {name: str(keep(artifact, folder)) for name, artifact in found.items()}
    write_baseline(baseline, file)
    return Accepted(file=str(file), name=first.name, artifacts=kept)


def _require_same_model(old: Baseline, file: Path, name: str) -> None:
    if old.name != name:
        raise InputError(
            f"{file} is the baseline of {old.name!r}, not of {name!r}",
            hint="choose another file with --out, or replace it with --force",
        )


def _relative(artifacts: Path, folder: Path) -> str:
    relative = os.path.relpath(artifacts.resolve(), folder.resolve())
    if relative.startswith(".."):
        raise InputError(
            f"{artifacts} does not lie below {folder.resolve()}",
            hint="keep the artifacts beside or below the baseline's file",
        )
    return Path(relative).as_posix()


def record(manifest: Manifest) -> TargetBaseline:
    """Return a baseline's record of an artifact."""
    return TargetBaseline(
        files=manifest.files,
        measured=manifest.measured,
        tools=manifest.tools,
        operations=manifest.inspection.ops,
        isa=manifest.host.isa if manifest.host else "unknown",
        cpu=manifest.host.cpu if manifest.host else "unknown",
        answers=manifest.answers,
    )


def classes_digest(manifest: Manifest) -> str:
    """Return the digest of an artifact's class names."""
    return digest_json(manifest.classes)[:16]


def place(folder: Path, target: str, digest: str) -> Path:
    """Return the directory of an accepted artifact."""
    return folder / f"{target}-{digest[:16]}"


def keep(artifact: Artifact, folder: Path) -> Path:
    """Copy an artifact into the folder of baselines; an existing copy is kept.

    Raises:
        InputError: The folder cannot be written.
    """
    target = artifact.manifest.target.name
    final = place(folder, target, digest_json(artifact.manifest.files))
    if final.is_dir():
        return final
    try:
        with draft_directory(final) as draft:
            shutil.copytree(artifact.directory, draft, dirs_exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error
    return final


def write_baseline(baseline: Baseline, file: Path) -> None:
    """Write a baseline's file atomically.

    Raises:
        InputError: The file cannot be written.
    """
    text = yaml.safe_dump(baseline.model_dump(mode="json", exclude_none=True), sort_keys=False, width=1000)
    try:
        with draft_file(file) as draft:
            draft.write_text(_HEADER.format(name=baseline.name) + text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror or error}") from error


def read_baseline(file: Path) -> Baseline:
    """Read a baseline's file.

    Raises:
        InputError: The file does not exist or has another schema.
        UsageError: The file is not a baseline; the message has file and line.
    """
    if not file.is_file():
        raise InputError(
            f"there is no baseline {file}", hint=f"make one: edgecnn baseline accept RUN --out {file}"
        )
    source = read_yaml(file, most_bytes=MAX_BYTES)
    found = source.data.get("schema_version")
    if found != SCHEMA:
        raise InputError(
            f"{file} has baseline schema {found!r}; this version reads {SCHEMA}",
            hint=f"accept it again: edgecnn baseline accept RUN --out {file}",
        )
    return validate(source, Baseline)


def baseline_artifact(baseline: Baseline, file: Path, target: str) -> Artifact:
    """Open the accepted artifact of a target and check its bytes.

    Raises:
        InputError: The artifact is missing, or its files differ from the accepted ones.
    """
    wanted = baseline.targets[target]
    directory = place(baseline.folder(file), Path(target).name, wanted.digest)
    if not directory.is_dir():
        raise InputError(
            f"the accepted artifact of {target} is not at {directory}",
            hint="accept with --artifacts DIR and keep DIR with the file, or leave latency out: --no-latency",
        )
    artifact = Artifact.open(directory)
    if artifact.manifest.files != wanted.files:
        raise InputError(f"{directory} does not hold the files that {file} accepted")
    return artifact
