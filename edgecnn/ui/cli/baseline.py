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
    force: Annotated[bool, typer.Option("--force", help="Replace the baseline of another model.")] = False,
    json: JsonOption = False,
) -> None:
    """Record a run's measurements, the digests of its files, and the artifacts themselves."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_text

    result = edgecnn.accept_baseline(path, out=out, artifacts=artifacts, force=force)
    if json:
        print_json(result.to_json())
        return
    print_text(f"{result.file}: {result.name}, {len(result.artifacts)} targets")
    for target, directory in result.artifacts.items():
        print_text(f"  {target}: {directory}")
