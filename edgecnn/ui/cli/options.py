"""Options that several verbs share, with the same name, meaning and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output.", show_default=False)
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="DIR", help="Directory of the result.", show_default=False),
]
ArtifactArgument = Annotated[
    Path, typer.Argument(metavar="ARTIFACT", help="Directory that `edgecnn export` or `run` made.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Largest number of images, evenly over the classes.")
]


DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", help="local, ssh://USER@HOST, adb:SERIAL, qemu:raspberry-pi-5."
    ),
]


def examples(*lines: str) -> str:
    """Return the end of a verb's help: example commands, one per line."""
    keep_lines = "\b"  # click's mark for a paragraph that must not be wrapped
    return "\n".join(
        [keep_lines, "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)]
    )
