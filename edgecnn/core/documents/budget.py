"""A budget that was judged."""

from __future__ import annotations

from edgecnn.core.documents.document import Document, Number
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.verdict import Verdict


class BudgetResult(Document):
    """One budget, judged."""

    name: str
    """Name of the budget: a metric's."""

    limit: int | Number
    measured: int | Number | None
    """None where nothing was measured: then the budget is missed, unless it does not apply here."""

    verdict: Verdict
    """Whether it is met; ``inconclusive`` where the measurement does not tell."""

    device: str | None = None
    """The device that the limit applies to, where it names one."""

    note: str = ""
    """Why the verdict is what it is, where the numbers don't say."""

    @property
    def passed(self) -> bool:
        """Whether it does not stand in the way: met, or not known to be missed."""
        return self.verdict is not Verdict.FAIL

    @property
    def title(self) -> str:
        """The budget's name, with its device."""
        return self.name if self.device is None else f"{self.name} on {self.device}"

    def __str__(self) -> str:
        metric = find_metric(self.name)
        bound = "at least" if metric.better == "higher" else "at most"
        found = "not measured" if self.measured is None else metric.format(self.measured)
        note = f"; {self.note}" if self.note else ""
        return f"{self.title} {found} ({bound} {metric.format(self.limit)}){note}"
