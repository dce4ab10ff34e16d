"""Accept a run: later runs are compared with its measurements and its artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.store.baseline import accept, require_same_model
from edgecnn.core.store.runs import open_artifacts
from edgecnn.pipeline.acceptance import require_acceptable, review_acceptance

if TYPE_CHECKING:
    from edgecnn.core.documents.baseline import Accepted
    from edgecnn.pipeline.acceptance import AcceptanceReview

FOLDER = Path("baselines")


def accept_baseline(
    path: Path | str, *, out: Path | None = None, artifacts: Path | None = None, force: bool = False
) -> Accepted:
    """Record a run's measurements and keep its artifacts, so that later runs can be checked against it.

    Args:
        path: Directory of a run or of one artifact.
        out: The baseline's file; by default ``baselines/NAME.yaml``.
        artifacts: Folder for the artifacts, below the file's folder; by default edgecnn's own.
        force: Whether to accept a run that fails, is worse than the baseline or lacks one of its targets,
            and to replace a baseline of another model.

    Raises:
        InputError: The run has no artifact, something speaks against it (:func:`review_baseline`), the file
            is another model's, or a folder cannot be written.
    """
    found = open_artifacts(path)
    file = _file(path, out)
    if not force:
        require_same_model(found, file)
        require_acceptable(review_acceptance(Path(path), file), file)
    return accept(found, file, artifacts=artifacts)


def review_baseline(path: Path | str, *, out: Path | None = None) -> AcceptanceReview:
    """Return what :func:`accept_baseline` would change, and what speaks against it; nothing is written.

    Args:
        path: Directory of a run or of one artifact.
        out: The baseline's file; by default ``baselines/NAME.yaml``.

    Raises:
        InputError: The run has no artifact, or its files were changed.
    """
    return review_acceptance(Path(path), _file(path, out))


def _file(path: Path | str, out: Path | None) -> Path:
    return out or FOLDER / f"{next(iter(open_artifacts(path).values())).manifest.name}.yaml"
