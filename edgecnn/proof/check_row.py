"""One checked thing, as every report shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgecnn.core.documents.verdict import Verdict


@dataclass(frozen=True)
class CheckRow:
    """One thing that was checked.

    Attributes:
        target: The target.
        kind: What it belongs to: the chain, a budget, or a baseline.
        check: Its name, such as ``link 1 (conversion)`` or ``size``.
        verdict: Whether it holds.
        measured: What was found, as people write it.
        limit: What it is held to, or None where there is no number.
        note: Why, where the numbers don't say.
    """

    target: str
    kind: Literal["link", "budget", "baseline"]
    check: str
    verdict: Verdict
    measured: str
    limit: str | None
    note: str = ""

    def __str__(self) -> str:
        bound = "" if self.limit is None else f" ({self.limit})"
        note = f": {self.note}" if self.note else ""
        return f"{self.target}: {self.check} {self.measured}{bound}{note}"
