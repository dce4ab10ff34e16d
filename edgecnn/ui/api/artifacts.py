"""The artifacts of a run, or the one that a directory is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.store.manifest import NAME, Artifact

SUMMARY = "summary.json"


def target_summaries(directory: Path) -> list[dict[str, Any]]:
    """Return name and error of every target that a run's summary lists.

    Raises:
        InputError: The directory holds no run, or its summary is damaged or empty.
    """
    summary = directory / SUMMARY
    if not summary.is_file():
        raise InputError(
            f"{directory} is neither a run nor an artifact",
            hint="give the directory of `edgecnn run`, or the one that `edgecnn export` printed",
        )
    try:
        document = json.loads(summary.read_text(encoding="utf-8"))
        found = [{"target": str(item["target"]), "error": item["error"]} for item in document["targets"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{summary} is not a run's summary: {error}") from error
    if not found:
        raise InputError(f"{summary} lists no targets")
    return found


def target_artifact(directory: Path, target: str) -> Artifact | None:
    """Return a run's artifact of a target, shipping or rejected, or None if it was never made.

    Raises:
        InputError: It was changed since it was verified.
    """
    name = Path(target).name
    for folder in ("artifacts", "rejected"):
        if (directory / folder / name / NAME).is_file():
            return Artifact.open(directory / folder / name)
    return None


def open_artifacts(path: Path | str) -> dict[str, Artifact]:
    """Return every artifact of a run by its target, or the one at ``path``.

    Raises:
        InputError: There is neither, or a file was changed since it was verified.
    """
    directory = Path(path)
    if (directory / NAME).is_file():
        artifact = Artifact.open(directory)
        return {artifact.manifest.target.name: artifact}
    made = {
        item["target"]: target_artifact(directory, item["target"]) for item in target_summaries(directory)
    }
    found = {name: artifact for name, artifact in made.items() if artifact is not None}
    if not found:
        raise InputError(f"{directory} holds no artifact: every target failed before it was made")
    return found
