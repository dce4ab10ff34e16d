"""``edgecnn fetch``: download of weights and datasets."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "fetch",
        no_args_is_help=True,
        epilog=examples("edgecnn fetch zoo:efficientnet-lite0 zoo:mobilenetv2 fashion-mnist"),
    )(fetch)


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="zoo:NAME, timm:NAME, torchvision:NAME, fashion-mnist."),
    ],
    json: JsonOption = False,
) -> None:
    """Fetch published weights or a dataset into the cache, with a check of their SHA-256."""
    import edgecnn
    from edgecnn.core.config.quantities import format_size
    from edgecnn.ui.cli.console import log_console, print_json, print_text

    fetched = []
    for name in names:
        log_console().print(f"fetching {name} ...")
        fetched.append(edgecnn.fetch(name))
    if json:
        print_json({"fetched": [item.to_json() for item in fetched]})
    else:
        for item in fetched:
            print_text(f"{item.path} ({format_size(item.size_bytes)})")
