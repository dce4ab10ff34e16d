"""Checks of a run as a table for the terminal and for Markdown, and the proof of one artifact in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.verdict import Verdict
from edgecnn.ui.report.markdown import table
from edgecnn.ui.report.npu import headline
from edgecnn.ui.report.rows import warned, worth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.check import CheckRow
    from edgecnn.core.documents.manifest import Manifest
    from edgecnn.core.documents.run import TargetSummary

COLUMNS = ("target", "check", "measured", "limit", "verdict", "note")
WORDS = {Verdict.PASS: "holds", Verdict.FAIL: "MISSED", Verdict.INCONCLUSIVE: "inconclusive"}

CHANGE_COLUMNS = ("target", "metric", "before", "after", "verdict")
_CHANGES = {"better": "better", "new": "new", "gone": "LOST", "other": "cannot be compared", "unknown": "new"}


def change_cells(row: CheckRow) -> tuple[str, ...]:
    """Return the cells of one row of a comparison with the baseline that a run would replace."""
    if row.verdict is Verdict.PASS:
        word = "same" if row.before in ("", row.measured) else "holds"
    else:
        word = _CHANGES.get(row.change) or ("WORSE" if row.verdict is Verdict.FAIL else "undecided")
    return (row.target, row.check, row.before or "-", row.measured, word)


def check_cells(row: CheckRow) -> tuple[str, ...]:
    """Return one row's cells."""
    name = f"{row.check} vs baseline" if row.kind == "baseline" else row.check
    return (row.target, name, row.measured, row.limit or "-", _word(row), row.note)


def _word(row: CheckRow) -> str:
    """Return the verdict in a word; what --strict does not let pass is missed."""
    missed = row.verdict is Verdict.INCONCLUSIVE and not row.passed
    return "MISSED (undecided)" if missed else WORDS[row.verdict]


def check_markdown(path: str, rows: Sequence[CheckRow]) -> str:
    """Return all checks as Markdown, failed ones first."""
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
    ordered = sorted(rows, key=lambda row: (row.passed, order[row.verdict]))
    counts = {verdict: sum(row.verdict is verdict for row in rows) for verdict in order}
    headline = (
        f"{counts[Verdict.PASS]} hold, {counts[Verdict.FAIL]} missed, "
        f"{counts[Verdict.INCONCLUSIVE]} inconclusive"
    )
    return (
        f"## edgecnn check {path}\n\n{headline}\n\n{table(COLUMNS, [check_cells(row) for row in ordered])}\n"
    )


def proof_lines(manifest: Manifest, summary: TargetSummary) -> list[str]:
    """Return the lines of an artifact's inspection and proofs."""
    inspection = manifest.inspection
    lines = [
        f"{format_size(manifest.size_bytes)}, {manifest.precision}, "
        f"{inspection.float_ops} float ops, {inspection.transposes} transposes",
        *([] if manifest.npu is None else [headline(manifest.npu)]),
        *worth([summary]),
        *warned([summary]),
        *(link.message() for link in manifest.verification),
    ]
    if all(link.number != 4 for link in manifest.verification):
        lines.append("link 4 (task) not measured: give labelled images with --data")
    return lines
