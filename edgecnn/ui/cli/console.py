"""Printing of the command line: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.errors import EdgecnnError


def interactive() -> bool:
    """Return whether standard error is a terminal for a person, and not a CI log."""
    return sys.stderr.isatty() and not os.environ.get("CI")


def log_console() -> Console:
    """Return the console for progress and messages; it prints every text as it is, without markup."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=not interactive())


def printable(text: str) -> str:
    r"""Return the text with characters that would steer a terminal, or have no encoding, as escapes.

    >>> printable("a\x1b[2Jb\udc80")
    'a\\x1b[2Jb\\udc80'
    """
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def print_json(document: dict[str, Any]) -> None:
    """Print the single JSON document of a ``--json`` run."""
    sys.stdout.write(json.dumps(document, indent=1, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print plain text on standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode(errors="surrogateescape") + b"\n")
    sys.stdout.flush()


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, to: Console | None = None
) -> None:
    """Print a table, by default on standard output, with numbers aligned to the right."""
    table = Table(
        title=printable(title) or None, title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(printable(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    console = to or Console(highlight=False, markup=False, emoji=False)
    if to is None and not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=200)
    console.print(table)


def _is_number(text: str) -> bool:
    return not text.strip("-") or text.lstrip("+-")[:1].isdigit()


def print_error(error: EdgecnnError) -> None:
    """Print an error as one line and its hint as another."""
    console = log_console()
    console.print(Text.assemble(("error:", "bold red"), " ", printable(error.message)))
    if error.hint:
        console.print(Text.assemble(("hint:", "dim"), " ", printable(error.hint)))
