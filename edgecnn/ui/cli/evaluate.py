"""``edgecnn eval``: the task metric of an artifact in its shipping runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import ArtifactArgument, DeviceOption, JsonOption, LimitOption, examples

if TYPE_CHECKING:
    from edgecnn.core.documents.accuracy import EvalResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "eval",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn eval artifacts/efficientnet-lite0-tflite-int8 --data test.csv",
            "edgecnn eval artifacts/detector-tflite-int8 --data photos/boxes.json --draw pictures",
        ),
    )(evaluate)


def evaluate(
    artifact: ArtifactArgument,
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="CSV|DIR", help="Labelled images: a CSV of path,label, a folder, or boxes."
        ),
    ],
    skip: Annotated[
        bool, typer.Option("--skip-bad-images", help="Leave corrupt images out instead of refusing them.")
    ] = False,
    limit: LimitOption = None,
    device: DeviceOption = "local",
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw", metavar="DIR", help="Write photos with a detector's boxes, fp32 and int8 side by side."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Evaluate an artifact on labelled images, in the runtime that ships."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_text
    from edgecnn.ui.cli.reporter import bar

    with bar() as progress:
        result = edgecnn.evaluate(
            artifact, data, skip_bad_images=skip, limit=limit, device=device, draw=draw, progress=progress
        )
    if json:
        print_json(result.to_json())
        return
    for line in lines(result):
        print_text(line)


def lines(result: EvalResult) -> list[str]:
    """Return what is printed of an evaluation."""
    from edgecnn.core.documents.metric import find_metric

    against = "" if result.fp32 is None else f" (fp32: {100 * result.fp32:.2f} %)"
    values = ", ".join(
        f"{find_metric(name).label} {100 * value:.2f} %{against if name == result.metric else ''}"
        for name, value in result.values.items()
    )
    speed = f"{result.images_per_second:.3g} images/s"
    found = [f"{values} on {result.n} images, {speed}, {result.target}"]
    found += [f"warning: {result.target} {warning}" for warning in result.warnings]
    found += [] if result.drawn is None else [f"pictures: {result.drawn}"]
    found += [result.isa_note] if result.isa_note else []
    if result.simulated_by is not None:
        found.append(f"simulated by {result.simulated_by}, speed included; no silicon was involved")
    return found
