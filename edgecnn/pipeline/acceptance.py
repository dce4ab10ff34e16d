"""What accepting a run would change, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import is_file
from edgecnn.core.store.baseline import read_baseline
from edgecnn.core.store.runs import open_artifacts
from edgecnn.pipeline.check import check_artifacts
from edgecnn.pipeline.regression import BaselineComparison, require_comparable
from edgecnn.pipeline.regression_rows import Tolerances

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.check import CheckRow


@dataclass(frozen=True)
class AcceptanceReview:
    """The difference that accepting a run makes.

    Attributes:
        changes: Every value beside the accepted one; empty if there is no baseline that can be compared.
        objections: Reasons against it, one line each: a failed check, a worse value, a target that is lost.
    """

    changes: tuple[CheckRow, ...]
    objections: tuple[str, ...]


def review_acceptance(path: Path, file: Path) -> AcceptanceReview:
    """Compare a run with the baseline that it would replace; latencies are not timed.

    Args:
        path: Directory of a run or of one artifact.
        file: The baseline's file, which may not exist.

    Raises:
        InputError: The run has no artifact, or its files were changed.
    """
    found = open_artifacts(path)
    failed = [row for row in check_artifacts(path).rows if row.verdict is Verdict.FAIL]
    objections = [f"the run itself fails: {row}" for row in failed]
    objections += [
        f"{artifact.directory}: its manifest has no digest, so changes would not show; export it again"
        for artifact in found.values()
        if not artifact.manifest.manifest_digest
    ]
    if not is_file(file):
        return AcceptanceReview((), tuple(objections))
    try:
        baseline = read_baseline(file)
        for artifact in found.values():
            require_comparable(baseline, file, artifact.manifest)
    except EdgecnnError as error:
        return AcceptanceReview((), (*objections, f"it cannot be compared: {error.message}"))
    comparison = BaselineComparison(file, Tolerances(), latency=False)
    rows = comparison.compare(found)
    objections += [
        f"{'lost' if row.change == 'gone' else 'worse'}: {row}"
        for row in rows
        if row.verdict is Verdict.FAIL and row.change in ("measured", "gone")
    ]
    return AcceptanceReview(tuple(rows), tuple(objections))


def require_acceptable(review: AcceptanceReview, file: Path) -> None:
    """Raise if something speaks against accepting a run.

    Raises:
        InputError: It does; the message has the first reason and the number of the others.
    """
    if review.objections:
        first, *others = review.objections
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(
            f"{file} is not written: {first}{more}",
            hint="--dry-run shows everything that changes; --force accepts the run all the same",
        )
