"""``edgecnn baseline``: accept a run as the baseline of later runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb and its one action."""
    group = typer.Typer(no_args_is_help=True, help="Accept a run as the baseline of later ones.")
    group.callback()(_root)
    group.command(
        "accept",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn baseline accept runs/quickstart",
            "edgecnn baseline accept runs/quickstart --out gate/base.yaml --artifacts gate/artifacts",
        ),
    )(accept)
    app.add_typer(group, name="baseline", epilog=examples("edgecnn baseline accept runs/quickstart"))


def _root() -> None:
    """Keep ``accept`` a subcommand although it is the only action."""


def accept(
    path: Annotated[Path, typer.Argument(metavar="RUN|ARTIFACT", help="Directory of a run or an artifact.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="File of the baseline; baselines/NAME.yaml if not given."
        ),
    ] = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(
            "--artifacts", metavar="DIR", help="Folder that keeps the artifacts; it must lie beside the file."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Accept a run that fails, is worse or lacks a target, or is of another model."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what changes, then record a run's measurements, its files' digests, and the artifacts themselves.

    A run that fails, is worse than the baseline, or lacks one of its targets is only accepted with --force.
    """
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table, print_text
    from edgecnn.ui.report.check import CHANGE_COLUMNS, change_cells

    review = edgecnn.review_baseline(path, out=out)
    if dry_run and json:
        print_json(
            {"changes": [row.to_json() for row in review.changes], "objections": list(review.objections)}
        )
    if not json:
        if review.changes:
            print_table("", CHANGE_COLUMNS, [change_cells(row) for row in review.changes])
        for objection in review.objections:
            print_text(f"against it: {objection}")
    if dry_run:
        return
    result = edgecnn.accept_baseline(path, out=out, artifacts=artifacts, force=force)
    if json:
        print_json(result.to_json())
        return
    print_text(f"{result.file}: {result.name}, {len(result.artifacts)} targets")
    for target, directory in result.artifacts.items():
        print_text(f"  {target}: {directory}")
