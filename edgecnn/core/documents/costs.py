"""The cost of a step."""

from __future__ import annotations

from typing import ClassVar

from edgecnn.core.documents.document import Document


class StepCost(Document):
    """Time and memory of a step's process; values that were not measured are left out."""

    left_out: ClassVar[frozenset[str]] = frozenset({"cpu_s", "peak_bytes"})

    wall_s: float
    """Seconds of wall time."""

    cpu_s: float | None = None
    """Seconds of CPU time."""

    peak_bytes: int | None = None
    """Peak memory."""
