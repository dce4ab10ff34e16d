"""Write the results of benchmarks: a table on the terminal, and the same in a JSON file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecnn.devices.host import host

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WIDTH = 240


def print_table(rows: Sequence[dict[str, Any]], title: str = "", columns: Sequence[str] = ()) -> None:
    """Print rows as a table.

    Args:
        rows: Dictionaries; a value that a row does not have, or that is None, is left empty.
        title: Stands above it.
        columns: Keys to show; those of the first row by default.
    """
    names = tuple(columns) or (tuple(rows[0]) if rows else ())
    table = Table(*names, title=title.replace("_", " ") or None)
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    Console(width=_WIDTH).print(table)


def write_json(document: dict[str, Any], file: Path | None) -> None:
    """Write a document to a file that was asked for; to None, nothing."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def write_rows(rows: Sequence[dict[str, Any]], file: Path | None) -> None:
    """Write rows into a file, in place of those that it holds of the same model, target, way and seed.

    Every row says how busy the machine was, because the rows of a file are not of one run.
    """
    if file is None:
        return
    here = host().to_json()
    made = [{**row, "load": here["load"]} for row in rows]
    fresh = {_identity(row) for row in rows}
    kept = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    others = [row for row in kept if _identity(row) not in fresh]
    write_json({"host": here, "rows": [*others, *made]}, file)


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("model", "target", "way", "seed"))


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
