"""``edgecnn doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.ui.cli.options import JsonOption, examples

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor", epilog=examples("edgecnn doctor"))(doctor)


def doctor(json: JsonOption = False) -> None:
    """Check packages, machine, cache and targets."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table

    findings = edgecnn.doctor()
    if json:
        print_json(
            {"ok": all(item.ok for item in findings), "findings": [item.to_json() for item in findings]}
        )
        return
    rows = [("ok" if item.ok else "MISSING", item.what, item.found, item.remedy) for item in findings]
    print_table("", ("", "what", "found", "remedy"), rows)
