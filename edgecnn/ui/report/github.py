"""Output of a check for GitHub: annotations, which a step prints, and the step's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.check import CheckRow

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Variable with the path of the file for a step's Markdown."""

ACTIONS = "GITHUB_ACTIONS"
"""Variable that is ``true`` in a workflow."""


def annotation_lines(rows: Sequence[CheckRow]) -> list[str]:
    """Return a line for each failed row, ``::error``, and for each undecided one, ``::warning``."""
    return [
        f"::{'warning' if row.passed else 'error'} title={_property(f'{row.target}: {row.check}')}"
        f"::{_message(str(row))}"
        for row in rows
        if row.verdict is not Verdict.PASS
    ]


def _message(text: str) -> str:
    r"""Escape a message for workflow commands.

    >>> _message("5 %\nof it")
    '5 %25%0Aof it'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property, in which colons and commas are special as well."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")
