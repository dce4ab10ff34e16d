"""Printing of the command line: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.core.errors import EdgecnnError


_GAP = 2
"""Blanks between two columns."""

_LEAST_WRAPPED = 20
"""Characters of a column that are not wrapped any further."""

_MOST_WRAPPED = 6
"""Columns of a table whose cells are wrapped; with more, each cell becomes a tower of words."""


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
    """Print a table, by default on standard output, with numbers aligned to the right.

    Where it is wider than the terminal, cells are wrapped between words; where that is not enough, or would
    make towers of words, each row is a paragraph of its own.
    """
    console = to or Console(highlight=False, markup=False, emoji=False)
    if to is None and not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=200)
    heads, cells = (
        [printable(column) for column in columns],
        [[printable(cell) for cell in row] for row in rows],
    )
    widths = column_widths([heads, *cells], console.width)
    if widths is None:
        console.print("\n".join(paragraphs(printable(title), heads, cells, console.width)), soft_wrap=True)
        return
    table = Table(
        title=printable(title) or None, title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for index, (head, width) in enumerate(zip(heads, widths, strict=True)):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(head, justify="right" if numeric else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return the width of each column in characters, or None if rows should not be cells side by side.

    Args:
        rows: Heads and cells.
        width: Width of the terminal.

    >>> column_widths([["name", "note"], ["a", "a long story"]], 80)
    [4, 12]
    >>> column_widths([["name", "note"], ["a", "a story that is a little longer"]], 30)
    [4, 24]
    """
    columns = list(zip(*rows, strict=True))
    wanted = [max(map(cell_len, cells)) for cells in columns]
    left = width - _GAP * (len(columns) - 1)
    if sum(wanted) <= left:
        return wanted
    words = [max(cell_len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    found = [max(word, min(full, _LEAST_WRAPPED)) for word, full in zip(words, wanted, strict=True)]
    if sum(found) > left or len(columns) > _MOST_WRAPPED:
        return None
    for index in sorted(range(len(found)), key=lambda index: wanted[index] - found[index]):
        found[index] += min(wanted[index] - found[index], left - sum(found))
    return found


def paragraphs(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the lines of rows that are too wide for a table: the first cell, and the others with their names.

    Rows with the same first cell stand below it.
    """
    if title:
        yield title
    last = None
    for first, *others in rows:
        if first != last:
            yield first
        last = first
        line = ""
        for head, cell in zip(heads[1:], others, strict=True):
            pair = f"{head}: {cell}" if head else cell
            if not cell:
                continue
            if line and cell_len(line) + cell_len(pair) + 2 * _GAP > width:
                yield from _folded(line, width)
                line = ""
            line += pair if not line else f"{' ' * _GAP}{pair}"
        yield from _folded(line, width)


def _folded(line: str, width: int) -> list[str]:
    """Return a line with an indent, in pieces that the terminal holds; later pieces are indented further."""
    indent = " " * _GAP
    return textwrap.wrap(line, max(width, 20), initial_indent=indent, subsequent_indent=2 * indent)


def _is_number(text: str) -> bool:
    return not text.strip("-") or text.lstrip("+-")[:1].isdigit()


def print_error(error: EdgecnnError) -> None:
    """Print an error as one line and its hint as another."""
    console = log_console()
    console.print(Text.assemble(("error:", "bold red"), " ", printable(error.message)))
    if error.hint:
        console.print(Text.assemble(("hint:", "dim"), " ", printable(error.hint)))
