"""Check a run or an artifact: links, budgets, and what changed since an accepted baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.config.budget_file import load_budgets
from edgecnn.core.documents.metric import BUDGETS, find_metric
from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.store.manifest import NAME, Artifact
from edgecnn.devices.host import host
from edgecnn.devices.registry import LOCAL
from edgecnn.proof.budgets import AGAINST_BASELINE, judge
from edgecnn.proof.check_row import CheckRow
from edgecnn.ui.api.artifacts import target_artifact, target_summaries
from edgecnn.ui.api.regression import Tolerances, compare_with_baseline

if TYPE_CHECKING:
    from edgecnn.core.config.budget_file import BudgetFile
    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.link import Link


@dataclass(frozen=True)
class CheckResult:
    """Everything that was checked.

    Attributes:
        path: What was checked.
        rows: One a link, a budget, and a value of the baseline.
        strict: Whether what could not be decided counts as missed.
    """

    path: str
    rows: tuple[CheckRow, ...]
    strict: bool = False

    @property
    def failed(self) -> tuple[CheckRow, ...]:
        """The rows that stand in the way."""
        bad = {Verdict.FAIL, Verdict.INCONCLUSIVE} if self.strict else {Verdict.FAIL}
        return tuple(row for row in self.rows if row.verdict in bad)

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.failed

    @property
    def exit_code(self) -> int:
        """0, or 4 for a broken link, or 3 for a missed budget or a regression."""
        if self.passed:
            return 0
        return 4 if any(row.kind == "link" for row in self.failed) else 3

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        results = [asdict(row) | {"passed": row not in self.failed} for row in self.rows]
        return {"path": self.path, "passed": self.passed, "results": results, "host": host().to_json()}


def check(
    path: Path | str,
    *,
    baseline: Path | None = None,
    budgets: Path | None = None,
    latency: bool = True,
    tolerances: Tolerances | None = None,
    strict: bool = False,
    device: str = LOCAL,
) -> CheckResult:
    """Check the artifact at ``path``, or every target of the run at ``path``.

    Args:
        path: Directory of a run or of one artifact.
        baseline: File of an accepted baseline to compare with.
        budgets: File of budgets in place of those that the artifacts were made with.
        latency: Whether candidate and baseline are timed in turns.
        tolerances: What may change between baseline and candidate.
        strict: Let what could not be decided count as missed.
        device: Where candidate and baseline are timed: ``local``, ``ssh://USER@HOST`` or ``adb:SERIAL``.

    Raises:
        InputError: There is neither, a file was changed since it was verified, or the baseline is of
            another model or schema.
        UsageError: The file of budgets is wrong.
    """
    directory = Path(path)
    made = _artifacts(directory)
    names = [name for name, _, _ in made]
    file = None if budgets is None else load_budgets(budgets, names, BUDGETS)
    rows: list[CheckRow] = []
    for name, artifact, reason in made:
        if artifact is None:
            rows.append(CheckRow(name, "link", "made", Verdict.FAIL, reason, None))
        else:
            rows += _artifact_rows(artifact, file)
    if baseline is not None:
        if latency:  # the comparison has this budget's verdict
            rows = [row for row in rows if row.check != AGAINST_BASELINE]
        found = {name: artifact for name, artifact, _ in made if artifact is not None}
        rows += compare_with_baseline(
            found, baseline, latency=latency, tolerances=tolerances or Tolerances(), device=device
        )
    return CheckResult(str(directory), tuple(rows), strict)


def _artifacts(directory: Path) -> list[tuple[str, Artifact | None, str]]:
    """Return name, artifact and, where there is none, the reason, of every target."""
    if (directory / NAME).is_file():
        artifact = Artifact.open(directory)
        return [(artifact.manifest.target.name, artifact, "")]
    made = []
    for item in target_summaries(directory):
        error = item["error"]
        reason = str(error.get("message")) if isinstance(error, dict) else "its artifact is missing"
        made.append((item["target"], target_artifact(directory, item["target"]), reason))
    return made


def _artifact_rows(artifact: Artifact, file: BudgetFile | None) -> list[CheckRow]:
    manifest = artifact.manifest
    name = manifest.target.name
    # The verdicts are made again from the numbers, not read back.
    budgets = manifest.target.budgets if file is None else file.of(name)
    judged = judge(budgets, manifest.measured)
    links = [_link_row(name, link) for link in manifest.verification]
    return links + [_budget_row(name, result) for result in judged]


def _link_row(target: str, link: Link) -> CheckRow:
    metric = next(iter(link.broken or link.limits))
    return CheckRow(
        target,
        "link",
        f"link {link.number} ({link.name})",
        Verdict.PASS if link.passed else Verdict.FAIL,
        f"{metric} {link.metrics[metric]:.4g}",
        str(link.limits[metric]),
        link.cause,
    )


def _budget_row(target: str, result: BudgetResult) -> CheckRow:
    metric = find_metric(result.name)
    found = "not measured" if result.measured is None else metric.format(result.measured)
    limit = metric.format(result.limit)
    return CheckRow(target, "budget", result.title, result.verdict, found, limit, result.note)
