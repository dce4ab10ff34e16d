"""What a measurement says of a limit."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a measurement says of a limit."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
