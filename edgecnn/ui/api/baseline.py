"""Accept a run: what it measured, and the artifacts themselves, become what later runs are compared with."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import edgecnn
from edgecnn.core.documents.document import Document
from edgecnn.core.errors import InputError
from edgecnn.core.store.baseline import (
    Baseline,
    baselines_dir,
    classes_digest,
    keep,
    read_baseline,
    record,
    write_baseline,
)
from edgecnn.core.store.runs import open_artifacts

FOLDER = Path("baselines")


class Accepted(Document):
    """A baseline that was written.

    Attributes:
        file: The baseline's file.
        name: Name of the pipeline or network.
        artifacts: Where each target's artifact was kept.
    """

    file: str
    name: str
    artifacts: dict[str, str]


def accept_baseline(
    path: Path | str, *, out: Path | None = None, artifacts: Path | None = None, force: bool = False
) -> Accepted:
    """Record what a run measured and keep its artifacts, so that later runs can be checked against it.

    Args:
        path: Directory of a run or of one artifact.
        out: The baseline's file; ``baselines/NAME.yaml`` when not given.
        artifacts: Folder that keeps the artifacts, below the file's own; edgecnn's own when not given.
        force: Replace a baseline of another model.

    Raises:
        InputError: The run holds nothing, the file is another model's, or a folder cannot be written.
    """
    found = open_artifacts(path)
    first = next(iter(found.values())).manifest
    file = out or FOLDER / f"{first.name}.yaml"
    if file.is_file() and not force:
        _require_same_model(read_baseline(file), file, first.name)
    folder = artifacts or baselines_dir()
    baseline = Baseline(
        name=first.name,
        classes=classes_digest(first),
        edgecnn=edgecnn.__version__,
        accepted=datetime.now(UTC).date().isoformat(),
        artifacts=None if artifacts is None else _relative(artifacts, file.parent),
        targets={name: record(artifact.manifest) for name, artifact in found.items()},
    )
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
