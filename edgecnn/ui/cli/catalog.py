"""``edgecnn targets`` and ``edgecnn models``: lists of targets and networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.ui.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer


def register(app: typer.Typer) -> None:
    """Add both verbs."""
    app.command("targets", epilog=examples("edgecnn targets --json"))(targets)
    app.command("models", epilog=examples("edgecnn models"))(models)


def targets(json: JsonOption = False) -> None:
    """List the targets; your own ./targets/*.yaml come first."""
    import edgecnn

    _print("targets", edgecnn.list_targets(), as_json=json)


def models(json: JsonOption = False) -> None:
    """List the networks of the zoo; any timm:NAME or torchvision:NAME is accepted as well."""
    import edgecnn

    _print("models", edgecnn.list_models(), as_json=json)


def _print(name: str, rows: Sequence[Any], *, as_json: bool) -> None:
    from edgecnn.ui.cli.console import print_json, print_table

    documents = [row.to_json() for row in rows]
    if as_json:
        print_json({name: documents})
    else:
        columns = tuple(documents[0]) if documents else ()
        print_table("", columns, [tuple(map(str, document.values())) for document in documents])
