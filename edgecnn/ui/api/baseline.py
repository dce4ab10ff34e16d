"""Accept a run: later runs are compared with its measurements and its artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.store.baseline import accept
from edgecnn.core.store.runs import open_artifacts

if TYPE_CHECKING:
    from edgecnn.core.store.baseline import Accepted

FOLDER = Path("baselines")


def accept_baseline(
    path: Path | str, *, out: Path | None = None, artifacts: Path | None = None, force: bool = False
) -> Accepted:
    """Record a run's measurements and keep its artifacts, so that later runs can be checked against it.

    Args:
        path: Directory of a run or of one artifact.
        out: The baseline's file; by default ``baselines/NAME.yaml``.
        artifacts: Folder for the artifacts, below the file's folder; by default edgecnn's own.
        force: Whether to replace a baseline of another model.

    Raises:
        InputError: The run has no artifact, the file is another model's, or a folder cannot be written.
    """
    found = open_artifacts(path)
    file = out or FOLDER / f"{next(iter(found.values())).manifest.name}.yaml"
    return accept(found, file, artifacts=artifacts, force=force)
