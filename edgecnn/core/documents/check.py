"""The result of ``check``: links, budgets and differences from a baseline, one row each."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, computed_field

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.verdict import Verdict

Change = Literal["measured", "better", "new", "gone", "other", "unknown"]
"""How to read a row of a comparison.

``measured``: by its verdict. ``better``: a gain. ``new`` and ``gone``: a target that only the run has, or
only the baseline. ``other``: a value that cannot be compared. ``unknown``: one that an older baseline lacks.
"""


class CheckRow(Document):
    """The result of one check."""

    left_out: ClassVar[frozenset[str]] = frozenset({"before"})

    target: str
    kind: Literal["link", "budget", "baseline"]
    """Whether the row is about the verification chain, a budget, or a baseline."""

    check: str
    """Its name, such as ``link 1 (conversion)`` or ``size``."""

    verdict: Verdict
    measured: str
    """The measured value, formatted for readers."""

    before: str = ""
    """The accepted value, formatted for readers; empty if there is none."""

    limit: str | None = None
    """The limit, formatted for readers; None if there is no number."""

    note: str = ""
    """The reason, where the numbers do not say it."""

    strict: bool = Field(default=False, exclude=True)
    """Whether an inconclusive verdict counts as missed."""

    change: Change = Field(default="measured", exclude=True)
    """Kind of a difference from a baseline."""

    @computed_field
    @property
    def passed(self) -> bool:
        """Return whether the check is not a failure."""
        if self.verdict is Verdict.INCONCLUSIVE:
            return not self.strict or self.change == "unknown"
        return self.verdict is Verdict.PASS

    def __str__(self) -> str:
        bound = "" if self.limit is None else f" ({self.limit})"
        note = f": {self.note}" if self.note else ""
        return f"{self.target}: {self.check} {self.measured}{bound}{note}"


class CheckResult(Document):
    """Everything that was checked of a run or an artifact."""

    left_out: ClassVar[frozenset[str]] = frozenset({"note"})

    path: str
    """Directory of the run or the artifact."""

    rows: tuple[CheckRow, ...] = Field(alias="results")
    """One row for each link, each budget, and each value of the baseline."""

    host: Host

    note: str = ""
    """What was not compared, in one line; empty if everything was."""

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
