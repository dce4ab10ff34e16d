"""Accepted baselines: a small readable file in the user's repository, and the artifacts that it names.

The file holds the measured values and the digests of the artifacts' files; the artifacts themselves are in a
folder of the user or of edgecnn. An artifact is found by its target and the digest of its files, so the only
path in the file is the folder, which must be beside it.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

import edgecnn
from edgecnn.core.config.paths import home
from edgecnn.core.config.yaml_source import read_yaml, validate
from edgecnn.core.documents.baseline import (
    SCHEMA,
    Accepted,
    Baseline,
    Fidelity,
    TargetBaseline,
    TargetTerms,
)
from edgecnn.core.documents.quantization import CalibrationNotes
from edgecnn.core.errors import InputError, UsageError, not_written
from edgecnn.core.files import (
    copy_folder,
    draft_directory,
    draft_file,
    is_dir,
    is_file,
    require_plain_file,
)
from edgecnn.core.store.digest import digest_json
from edgecnn.core.store.manifest import Artifact

if TYPE_CHECKING:
    from edgecnn.core.documents.manifest import Manifest

MAX_BYTES = 1 << 20
"""Largest file of a baseline."""

_HEADER = """\
# What was accepted for {name}; compare with: edgecnn check RUN --baseline THIS_FILE
# Made by `edgecnn baseline accept`; do not edit, accept again.
"""


def baselines_dir() -> Path:
    """Return edgecnn's own folder of accepted artifacts."""
    return home() / "baselines"


def accept(found: dict[str, Artifact], file: Path, *, artifacts: Path | None) -> Accepted:
    """Write a baseline's file and keep the artifacts that it names.

    Args:
        found: The artifacts of a run by their target.
        file: The baseline's file.
        artifacts: Folder that keeps the artifacts, below the file's own; edgecnn's own when not given.

    Raises:
        MachineFault: A folder cannot be written.
        InputError: A folder, a device or a pipe is in the place of the file.
    """
    require_plain_file(file)
    first = next(iter(found.values())).manifest
    baseline = Baseline(
        name=first.name,
        classes=classes_digest(first),
        task=first.task.kind,
        edgecnn=edgecnn.__version__,
        accepted=datetime.now(UTC).date().isoformat(),
        artifacts=None if artifacts is None else _relative(artifacts, file.parent),
        targets={name: record(artifact.manifest) for name, artifact in found.items()},
    )
    folder = artifacts or baselines_dir()
    kept = {name: str(keep(artifact, folder)) for name, artifact in found.items()}
    write_baseline(baseline, file)
    return Accepted(file=str(file), name=first.name, artifacts=kept)


def require_same_model(found: dict[str, Artifact], file: Path) -> None:
    """Raise if a file is the baseline of another model than a run's.

    Args:
        found: The artifacts of the run by their target.
        file: The baseline's file, which may not exist.

    Raises:
        InputError: It is, or it cannot be read.
    """
    if not is_file(file):
        return
    old, name = read_baseline(file), next(iter(found.values())).manifest.name
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
        fidelity=Fidelity.of(manifest),
        terms=TargetTerms.of(manifest),
        calibration=calibration_of(manifest),
        preprocessing=manifest.contract,
    )


def calibration_of(manifest: Manifest) -> CalibrationNotes | None:
    """Return the calibration set of an artifact; None if it has none that can be read."""
    try:
        return CalibrationNotes.model_validate(manifest.quantization.get("calibration"))
    except ValidationError:
        return None


def classes_digest(manifest: Manifest) -> str:
    """Return the digest of an artifact's class names."""
    return digest_json(manifest.classes)[:16]


def place(folder: Path, target: str, digest: str) -> Path:
    """Return the directory of an accepted artifact."""
    return folder / f"{target}-{digest[:16]}"


def keep(artifact: Artifact, folder: Path) -> Path:
    """Copy an artifact into the folder of baselines; an existing copy is kept.

    Raises:
        MachineFault: The folder cannot be written.
    """
    target = artifact.manifest.target.name
    final = place(folder, target, digest_json(artifact.manifest.files))
    with contextlib.suppress(InputError):  # a damaged copy is made again
        if Artifact.open(final).manifest.files == artifact.manifest.files:
            return final
    try:
        with draft_directory(final) as draft:
            copy_folder(artifact.directory, draft)
            if Artifact.open(draft).manifest != artifact.manifest:
                raise InputError(f"{artifact.directory} was replaced while it was copied", hint="try again")
    except OSError as error:
        raise not_written(folder, error) from error
    return final


def write_baseline(baseline: Baseline, file: Path) -> None:
    """Write a baseline's file atomically.

    Raises:
        MachineFault: The file cannot be written.
    """
    sealed = baseline.model_copy(update={"checksum": checksum(baseline)})
    text = yaml.safe_dump(sealed.model_dump(mode="json", exclude_none=True), sort_keys=False, width=1000)
    try:
        with draft_file(file) as draft:
            draft.write_text(_HEADER.format(name=baseline.name) + text, encoding="utf-8")
    except OSError as error:
        raise not_written(file, error) from error


def read_baseline(file: Path) -> Baseline:
    """Read a baseline's file.

    Raises:
        InputError: The file does not exist or has another schema.
        UsageError: The file is not a baseline; the message has file and line.
    """
    if is_dir(file):
        raise InputError(
            f"{file} is a folder and no baseline", hint="give the file, such as baselines/NAME.yaml"
        )
    if not is_file(file):
        raise InputError(
            f"there is no baseline {file}", hint=f"make one: edgecnn baseline accept RUN --out {file}"
        )
    hint = "a baseline is a YAML file that `edgecnn baseline accept RUN` writes"
    try:
        source = read_yaml(file, most_bytes=MAX_BYTES)
    except UsageError as error:
        raise UsageError(f"{file} is no baseline: {error.message}", hint=error.hint or hint) from error
    found = source.data.get("schema_version")
    if found is None:
        raise InputError(f"{file} is no baseline: it has no schema_version", hint=hint)
    if found != SCHEMA:
        raise InputError(
            f"{file} has baseline schema {found!r}; this version reads {SCHEMA}",
            hint=f"accept it again: edgecnn baseline accept RUN --out {file}",
        )
    baseline = validate(source, Baseline)
    if baseline.checksum is not None and baseline.checksum != checksum(baseline):
        raise InputError(
            f"{file} was changed after it was accepted",
            hint="restore it, or accept a run: edgecnn baseline accept RUN --force",
        )
    return baseline


def checksum(baseline: Baseline) -> str:
    """Return the digest of everything in a baseline but its checksum."""
    return digest_json(baseline.model_dump(mode="json", exclude={"checksum"}, exclude_none=True))[:32]


def baseline_artifact(baseline: Baseline, file: Path, target: str) -> Artifact:
    """Open the accepted artifact of a target and check its bytes.

    Raises:
        InputError: The artifact is missing, or its files differ from the accepted ones.
    """
    wanted = baseline.targets[target]
    folder = baselines_dir() if baseline.artifacts is None else file.parent / baseline.artifacts
    directory = place(folder, Path(target).name, digest_json(wanted.files))
    if not is_dir(directory):
        raise InputError(
            f"the accepted artifact of {target} is not at {directory}",
            hint="accept with --artifacts DIR and keep DIR with the file, or leave latency out: --no-latency",
        )
    artifact = Artifact.open(directory)
    if artifact.manifest.files != wanted.files:
        raise InputError(f"{directory} does not hold the files that {file} accepted")
    return artifact
