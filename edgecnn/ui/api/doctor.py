"""Report on what is installed, what is missing and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.pipeline.doctor import look_around

if TYPE_CHECKING:
    from edgecnn.core.documents.listing import Finding


def doctor() -> tuple[Finding, ...]:
    """Look at the packages, the machine, the cache and the targets; nothing heavy is imported."""
    return look_around()
