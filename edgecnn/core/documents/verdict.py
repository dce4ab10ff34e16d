"""The verdict on a measurement against a limit."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The verdict on a measurement against a limit."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
