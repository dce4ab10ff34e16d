"""``edgecnn check``: links and budgets of a run or an artifact, as an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgecnn.cli.options import JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("check", no_args_is_help=True, epilog=examples("edgecnn check runs/quickstart"))(check)


def check(
    path: Annotated[Path, typer.Argument(metavar="RUN|ARTIFACT", help="Directory of a run or an artifact.")],
    json: JsonOption = False,
) -> None:
    """Check that files are those that were verified, and that every link and budget holds.

    Exit code 0 if so, 3 for a missed budget, 4 for a broken link, 2 for a changed file.
    """
    import edgecnn
    from edgecnn.cli.console import print_json, print_table, print_text

    result = edgecnn.check(path)
    if json:
        print_json(result.to_json())
    else:
        rows = [
            (
                row.target,
                row.check,
                _text(row.measured),
                _text(row.limit),
                "holds" if row.passed else "MISSED",
            )
            for row in result.rows
        ]
        print_table("", ("target", "check", "measured", "limit", "verdict"), rows)
        failed = sum(not row.passed for row in result.rows)
        print_text("everything holds" if result.passed else f"{failed} of {len(rows)} checks missed")
    raise typer.Exit(result.exit_code)


def _text(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.6g}"
