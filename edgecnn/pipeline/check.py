"""Check of a run's results: links and budgets are judged again from the measured values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.budget_file import load_budgets
from edgecnn.core.documents.check import CheckResult, CheckRow
from edgecnn.core.documents.metric import BUDGETS, INTEGER_MACS, find_metric
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError
from edgecnn.core.files import is_file
from edgecnn.core.store.baseline import read_baseline
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.core.store.runs import open_targets
from edgecnn.devices.host import host
from edgecnn.proof.budgets import AGAINST_BASELINE, binding_budgets, judge

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from edgecnn.core.config.budget_file import BudgetFile
    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.link import Link
    from edgecnn.pipeline.regression import BaselineComparison


def check_artifacts(
    directory: Path,
    *,
    budgets: Path | None = None,
    comparison: BaselineComparison | None = None,
    strict: bool = False,
    only: Collection[str] = (),
) -> CheckResult:
    """Check the artifact in a directory, or every target of a run.

    Args:
        directory: Directory of a run or of one artifact.
        budgets: File of budgets that replace those of the artifacts.
        comparison: Comparison with a baseline, or None.
        strict: Whether an inconclusive verdict counts as a failure.
        only: Targets to check; all of the run and of the baseline if empty.

    Raises:
        InputError: The directory is neither, a file was changed since it was verified, or the baseline has
            another model or schema.
        UsageError: The file of budgets is wrong.
    """
    made, missing = _open(directory)
    lone = is_file(directory / NAME)
    if only:
        made, missing = _restricted(made, missing, only)
    here = host()
    file = None if budgets is None else load_budgets(budgets, [*made, *missing], BUDGETS, here.cpu)
    rows = [
        CheckRow(target=name, kind="link", check="made", verdict=Verdict.FAIL, measured=reason)
        for name, reason in missing.items()
    ]
    for artifact in made.values():
        rows += _artifact_rows(artifact, file)
    if comparison is not None:
        if comparison.latency:  # the comparison includes this budget's verdict
            rows = [row for row in rows if row.check != AGAINST_BASELINE]
        rows += comparison.compare(made, made.keys() if lone else (only or None))
    judged = tuple(row.model_copy(update={"strict": strict}) for row in rows)
    note = _note(comparison, made, lone=lone, only=only)
    return CheckResult(path=str(directory), results=judged, host=here, note=note)


def _restricted(
    made: dict[str, Artifact], missing: dict[str, str], only: Collection[str]
) -> tuple[dict[str, Artifact], dict[str, str]]:
    unknown = [name for name in only if name not in made and name not in missing]
    if unknown:
        raise UsageError(
            f"there is no target {unknown[0]!r} to check; there are {', '.join([*made, *missing])}"
        )
    return (
        {name: artifact for name, artifact in made.items() if name in only},
        {name: reason for name, reason in missing.items() if name in only},
    )


def _note(
    comparison: BaselineComparison | None,
    made: dict[str, Artifact],
    *,
    lone: bool,
    only: Collection[str],
) -> str:
    """Return what was not compared, in one line."""
    if comparison is None:
        return "not compared with a baseline (--baseline FILE)"
    others = [name for name in read_baseline(comparison.file).targets if name not in (only or made)]
    if not others or not (lone or only):
        return ""
    reason = "an artifact was checked, a run compares all targets" if lone else "--only"
    return f"not compared: {', '.join(others)} ({reason})"


def _open(directory: Path) -> tuple[dict[str, Artifact], dict[str, str]]:
    """Return the artifacts by target, and the reason for every target without one."""
    if is_file(directory / NAME):
        artifact = Artifact.open(directory)
        return {artifact.manifest.target.name: artifact}, {}
    return open_targets(directory)


def _artifact_rows(artifact: Artifact, file: BudgetFile | None) -> list[CheckRow]:
    manifest = artifact.manifest
    name = manifest.target.name
    target = manifest.target
    if file is not None:
        target = target.model_copy(update={"budgets": file.of(name)})
    # Artifacts of older versions do not say how much of them computes in integers.
    counted = manifest.measured.value(INTEGER_MACS) is not None
    budgets = binding_budgets(target) if counted else target.budgets
    links = [_link_row(name, link) for link in manifest.verification]
    links += [
        CheckRow(
            target=name,
            kind="link",
            check=f"link {number}",
            verdict=Verdict.FAIL,
            measured="not measured",
            note="the file was not proven: export it again",
        )
        for number in manifest.missing_links
    ]
    if not manifest.manifest_digest:
        note = "an older version wrote the manifest, or somebody removed its digest: changes would not show"
        links.append(
            CheckRow(
                target=name,
                kind="link",
                check="digest of the manifest",
                verdict=Verdict.INCONCLUSIVE,
                measured="none",
                note=note,
            )
        )
    return links + [_budget_row(name, result) for result in judge(budgets, manifest.measured)]


def _link_row(target: str, link: Link) -> CheckRow:
    metric = next(iter(link.broken or link.limits))
    return CheckRow(
        target=target,
        kind="link",
        check=f"link {link.number} ({link.name})",
        verdict=Verdict.PASS if link.passed else Verdict.FAIL,
        measured=f"{metric} {link.metrics[metric]:.4g}",
        limit=str(link.limits[metric]),
        note=link.cause,
    )


def _budget_row(target: str, result: BudgetResult) -> CheckRow:
    metric = find_metric(result.name)
    return CheckRow(
        target=target,
        kind="budget",
        check=result.title,
        verdict=result.verdict,
        measured="not measured" if result.measured is None else metric.format(result.measured),
        limit=metric.format(result.limit),
        note=result.note,
    )
