"""``edgecnn toolchain``: vendor tools in separate virtual environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.listing import ToolchainRow

NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Names of toolchains, such as vela, tosa or tflm.")
]


def register(app: typer.Typer) -> None:
    """Add the verb and its four actions."""
    group = typer.Typer(no_args_is_help=True, help="Install, list, check and remove vendor tools.")
    group.command("install", no_args_is_help=True, epilog=examples("edgecnn toolchain install vela tosa"))(
        install
    )
    group.command("list", epilog=examples("edgecnn toolchain list"))(show)
    group.command("check", no_args_is_help=True, epilog=examples("edgecnn toolchain check vela"))(check)
    group.command("remove", no_args_is_help=True, epilog=examples("edgecnn toolchain remove vela"))(remove)
    app.add_typer(group, name="toolchain")


def install(names: NamesArgument, json: JsonOption = False) -> None:
    """Install the environments of toolchains; every package is pinned, and nothing else is changed."""
    import edgecnn
    from edgecnn.ui.cli.console import log_console

    rows = []
    for name in names:
        log_console().print(f"installing toolchain {name} ...")
        rows.append(edgecnn.install_toolchain(name))
    _print(rows, as_json=json)


def show(json: JsonOption = False) -> None:
    """List the toolchains and whether they are installed."""
    import edgecnn

    _print(edgecnn.list_toolchains(), as_json=json)


def check(names: NamesArgument, json: JsonOption = False) -> None:
    """Compare environments with the pinned packages; the exit code is 5 if one is missing or differs."""
    import edgecnn
    from edgecnn.core.errors import MissingDependency
    from edgecnn.ui.cli.failure import fail

    rows = [edgecnn.check_toolchain(name) for name in names]
    _print(rows, as_json=json)
    for row in rows:
        if not row.ok:
            reason = row.differences[0] if row.differences else "it is not installed"
            error = MissingDependency(
                f"toolchain {row.name!r}: {reason}", hint=f"edgecnn toolchain install {row.name}"
            )
            raise typer.Exit(fail(error, as_json=False))


def remove(names: NamesArgument) -> None:
    """Remove the environments of toolchains."""
    import edgecnn
    from edgecnn.ui.cli.console import print_text

    for name in names:
        print_text(f"{name}: {'removed' if edgecnn.remove_toolchain(name) else 'was not installed'}")


def _print(rows: Sequence[ToolchainRow], *, as_json: bool) -> None:
    from edgecnn.ui.cli.console import print_json, print_table

    if as_json:
        print_json({"toolchains": [row.to_json() for row in rows]})
        return
    columns = ("toolchain", "package", "version", "state", "licence", "description")
    cells = [(row.name, row.package, row.version, row.state, row.licence, row.description) for row in rows]
    print_table("", columns, cells)
