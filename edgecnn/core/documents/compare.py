"""The result of ``compare``: the differences between two runs or artifacts."""

from __future__ import annotations

from edgecnn.core.documents.document import Document


class RunChange(Document):
    """One difference."""

    target: str
    kind: str
    """``input``, ``value``, ``operation``, ``layer`` or ``target``."""

    name: str
    before: str | float | None
    """Its value in the first; None where it was missing."""

    after: str | float | None
    """Its value in the second; None where it is missing."""


class CompareResult(Document):
    """All differences between two runs."""

    first: str
    """Directory of the first."""

    second: str
    """Directory of the second."""

    changes: tuple[RunChange, ...]
    """Everything that differs, target by target."""
