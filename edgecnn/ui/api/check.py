"""Check of a run or an artifact: links, budgets, and differences from an accepted baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.devices.registry import LOCAL
from edgecnn.pipeline.check import check_artifacts
from edgecnn.pipeline.regression import BaselineComparison
from edgecnn.pipeline.regression_rows import Tolerances

if TYPE_CHECKING:
    from collections.abc import Collection

    from edgecnn.core.documents.check import CheckResult


def check(
    path: Path | str,
    *,
    baseline: Path | None = None,
    budgets: Path | None = None,
    latency: bool = True,
    tolerances: Tolerances | None = None,
    strict: bool = False,
    device: str = LOCAL,
    only: Collection[str] = (),
) -> CheckResult:
    """Check the artifact at ``path``, or every target of the run at ``path``.

    Args:
        path: Directory of a run or of one artifact.
        baseline: File of an accepted baseline to compare with.
        budgets: File of budgets that replace those of the artifacts.
        latency: Whether candidate and baseline are timed in turns.
        tolerances: The allowed differences from the baseline.
        strict: Whether an inconclusive verdict counts as a failure.
        device: Device for timing: ``local``, ``ssh://USER@HOST`` or ``adb:SERIAL``.
        only: Targets to check; by default every target of the run, which must have all of the baseline.

    Raises:
        InputError: The path is neither, a file was changed since it was verified, or the baseline has another
            model or schema.
        UsageError: The file of budgets is wrong, or a device is given and no baseline.
    """
    if baseline is None and device != LOCAL:
        raise UsageError(
            f"on {device} nothing is timed without a baseline",
            hint="give --baseline FILE, or leave --device out",
        )
    comparison = (
        None
        if baseline is None
        else BaselineComparison(baseline, tolerances or Tolerances(), latency, device)
    )
    return check_artifacts(Path(path), budgets=budgets, comparison=comparison, strict=strict, only=only)
