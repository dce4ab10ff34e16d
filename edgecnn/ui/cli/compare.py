"""``edgecnn compare``: differences between two runs or artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from edgecnn.core.documents.compare import RunChange


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "compare",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn compare runs/before runs/after",
            "edgecnn compare runs/a/artifacts/tflite-fp32 runs/a/artifacts/tflite-int8",
        ),
    )(compare)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Directory of a run or an artifact.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Directory of another.")],
    json: JsonOption = False,
) -> None:
    """Show which inputs, values, operations and layers differ; `edgecnn bench A B` compares the latencies."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table, print_text

    result = edgecnn.compare(first, second)
    if json:
        print_json(result.to_json())
        return
    rows = [
        (
            change.target,
            change.kind,
            change.name,
            *(_text(change, side) for side in (change.before, change.after)),
        )
        for change in result.changes
    ]
    if rows:
        print_table("", ("target", "what", "name", str(first), str(second)), rows)
    else:
        print_text("nothing differs")


def _text(change: RunChange, value: str | float | None) -> str:
    """Return one side of a difference in the unit of its metric."""
    from edgecnn.core.documents.metric import find_metric

    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return find_metric(change.name).format(value) if change.kind == "value" else f"{value:.6g}"
