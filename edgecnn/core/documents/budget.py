"""A budget that was judged."""

from __future__ import annotations

from edgecnn.core.documents.document import Document, Number
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.verdict import Verdict


class BudgetResult(Document):
    """The result of one budget."""

    name: str
    """Name of the budget, which is a metric's."""

    limit: int | Number
    measured: int | Number | None
    """Measured value; None if not measured: then the budget is missed, unless it does not apply here."""

    verdict: Verdict
    """Whether it is met; ``inconclusive`` if the measurement cannot decide."""

    device: str | None = None
    """The device that the limit applies to, if it names one."""

    note: str = ""
    """Explanation of the verdict beyond the numbers."""

    @property
    def passed(self) -> bool:
        """Return whether the target may ship: the budget is met, or not known to be missed."""
        return self.verdict is not Verdict.FAIL

    @property
    def title(self) -> str:
        """Return the budget's name, with its device."""
        return self.name if self.device is None else f"{self.name} on {self.device}"

    def __str__(self) -> str:
        metric = find_metric(self.name)
        bound = "at least" if metric.better == "higher" else "at most"
        found = "not measured" if self.measured is None else metric.format(self.measured)
        note = f"; {self.note}" if self.note else ""
        return f"{self.title} {found} ({bound} {metric.format(self.limit)}){note}"
