"""Check a run or an artifact: the files are those that were verified, and every budget is met."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.errors import InputError
from edgecnn.measure.budgets import judge_one
from edgecnn.measure.verification import Link
from edgecnn.store.manifest import NAME, Artifact

SUMMARY = "summary.json"


@dataclass(frozen=True)
class CheckRow:
    """One thing that was checked.

    Attributes:
        target: The target.
        check: ``link 1 (conversion)``, the name of a budget, or ``made``.
        passed: Whether it holds.
        measured: The measured value, or a word.
        limit: What it is held to.
    """

    target: str
    check: str
    passed: bool
    measured: float | str | None
    limit: float | str | None


@dataclass(frozen=True)
class CheckResult:
    """Everything that was checked.

    Attributes:
        rows: One a link and a budget.
    """

    rows: tuple[CheckRow, ...]

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return all(row.passed for row in self.rows)

    @property
    def exit_code(self) -> int:
        """0, or 4 for a broken link, or 3 for a missed budget."""
        failed = [row for row in self.rows if not row.passed]
        if not failed:
            return 0
        return 4 if any(row.check.startswith(("link", "made")) for row in failed) else 3

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {"passed": self.passed, "results": [vars(row) for row in self.rows]}


def check(path: Path | str) -> CheckResult:
    """Check the artifact at ``path``, or every target of the run at ``path``.

    Raises:
        InputError: There is neither, or a file was changed since it was verified.
    """
    directory = Path(path)
    if (directory / NAME).is_file():
        return CheckResult(tuple(_artifact_rows(Artifact.open(directory))))
    if not (directory / SUMMARY).is_file():
        raise InputError(
            f"{directory} is neither a run nor an artifact",
            hint="give the directory of `edgecnn run`, or the one that `edgecnn export` printed",
        )
    rows: list[CheckRow] = []
    for target in _targets(directory / SUMMARY):
        rows += _target_rows(directory, target)
    if not rows:
        raise InputError(f"{directory / SUMMARY} lists no targets")
    return CheckResult(tuple(rows))


def _targets(summary: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(summary.read_text(encoding="utf-8"))
        return [{"target": str(item["target"]), "error": item["error"]} for item in document["targets"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{summary} is not a run's summary: {error}") from error


def _target_rows(directory: Path, target: dict[str, Any]) -> list[CheckRow]:
    name = target["target"]
    for folder in ("artifacts", "rejected"):
        if (directory / folder / name / NAME).is_file():
            return _artifact_rows(Artifact.open(directory / folder / name))
    reason = target["error"]["message"] if isinstance(target["error"], dict) else "its artifact is missing"
    return [CheckRow(name, "made", passed=False, measured=reason, limit=None)]


def _artifact_rows(artifact: Artifact) -> list[CheckRow]:
    name = artifact.manifest.target.name
    rows = [_link_row(name, Link.from_json(item)) for item in artifact.manifest.verification]
    # The verdicts are made again from the numbers, not read back.
    judged = [judge_one(item["name"], item["limit"], item["measured"]) for item in artifact.manifest.budgets]
    return rows + [
        CheckRow(name, result.name, result.passed, result.measured, result.limit) for result in judged
    ]


def _link_row(target: str, link: Link) -> CheckRow:
    metric = next(iter(link.broken or link.limits))
    return CheckRow(
        target,
        f"link {link.number} ({link.name})",
        link.passed,
        f"{metric} {link.metrics[metric]:.4g}",
        str(link.limits[metric]),
    )
