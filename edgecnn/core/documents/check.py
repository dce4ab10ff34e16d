"""The result of ``check``: links, budgets and differences from a baseline, one row each."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, computed_field

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.verdict import Verdict


class CheckRow(Document):
    """The result of one check."""

    target: str
    kind: Literal["link", "budget", "baseline"]
    """Whether the row is about the verification chain, a budget, or a baseline."""

    check: str
    """Its name, such as ``link 1 (conversion)`` or ``size``."""

    verdict: Verdict
    measured: str
    """The measured value, formatted for readers."""

    limit: str | None = None
    """The limit, formatted for readers; None if there is no number."""

    note: str = ""
    """The reason, where the numbers do not say it."""

    strict: bool = Field(default=False, exclude=True)
    """Whether an inconclusive verdict counts as missed."""

    @computed_field
    @property
    def passed(self) -> bool:
        """Return whether the check is not a failure."""
        return self.verdict is Verdict.PASS or (self.verdict is Verdict.INCONCLUSIVE and not self.strict)

    def __str__(self) -> str:
        bound = "" if self.limit is None else f" ({self.limit})"
        note = f": {self.note}" if self.note else ""
        return f"{self.target}: {self.check} {self.measured}{bound}{note}"


class CheckResult(Document):
    """Everything that was checked of a run or an artifact."""

    path: str
    """Directory of the run or the artifact."""

    rows: tuple[CheckRow, ...] = Field(alias="results")
    """One row for each link, each budget, and each value of the baseline."""

    host: Host

    @property
    def failed(self) -> tuple[CheckRow, ...]:
        """Return the failed rows."""
        return tuple(row for row in self.rows if not row.passed)

    @computed_field
    @property
    def passed(self) -> bool:
        """Return whether no row failed."""
        return not self.failed

    @property
    def exit_code(self) -> int:
        """Return 0, or 4 for a broken link, or 3 for a missed budget or a regression."""
        if self.passed:
            return 0
        return 4 if any(row.kind == "link" for row in self.failed) else 3
