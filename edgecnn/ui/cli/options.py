"""Options that several verbs share, with the same name, meaning and help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgecnn.core.config.quantities import Unit

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
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="python:MODULE:FACTORY",
        help="Your own code that builds the network of a checkpoint, which alone cannot have code run.",
        show_default=False,
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="Steps that may run side by side; by default as many as there are processors. Fewer need less "
        "memory. No file depends on it.",
        show_default=False,
    ),
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


def quantity(option: str, text: str, unit: Unit, *, small: bool = False) -> float:
    """Return the value of an option that is a quantity, in its base unit.

    Args:
        option: Name of the option, for messages.
        text: The value as the user wrote it, such as ``1 kB``, ``0.5 %`` or ``1.02``.
        unit: Kind of the quantity.
        small: Whether a size is of kilobytes rather than of megabytes, for the message.

    Raises:
        UsageError: A unit is missing, a share is written as a whole number, or no value could miss the limit.
    """
    from edgecnn.core.config.quantities import parse_written
    from edgecnn.core.errors import UsageError

    try:
        value = parse_written(text, unit, small=small)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if unit == "share" and value == 1:
        raise UsageError(f"{option}: no value could miss 100 %", hint="did you mean 1 %?")
    return value


def examples(*lines: str) -> str:
    """Return the end of a verb's help: example commands, one per line."""
    keep_lines = "\b"  # click's mark for a paragraph that must not be wrapped
    return "\n".join(
        [keep_lines, "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)]
    )
