"""``edgecnn eval``: the task metric of an artifact in its shipping runtime."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.cli.options import ArtifactArgument, DeviceOption, JsonOption, LimitOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "eval",
        no_args_is_help=True,
        epilog=examples("edgecnn eval artifacts/efficientnet-lite0-tflite-int8 --data test.csv"),
    )(evaluate)


def evaluate(
    artifact: ArtifactArgument,
    data: Annotated[
        str,
        typer.Option("--data", metavar="CSV|DIR", help="Labelled images: a CSV of path,label or a folder."),
    ],
    skip: Annotated[
        bool, typer.Option("--skip-bad-images", help="Leave corrupt images out instead of refusing them.")
    ] = False,
    limit: LimitOption = None,
    device: DeviceOption = "local",
    json: JsonOption = False,
) -> None:
    """Evaluate an artifact on labelled images, in the runtime that ships."""
    import edgecnn
    from edgecnn.cli.console import print_json, print_text
    from edgecnn.cli.reporter import bar

    with bar() as progress:
        result = edgecnn.evaluate(
            artifact, data, skip_bad_images=skip, limit=limit, device=device, progress=progress
        )
    if json:
        print_json(result.to_json())
        return
    against = "" if result.fp32 is None else f" (fp32: {100 * result.fp32:.2f} %)"
    print_text(
        f"top-1 {100 * result.value:.2f} %{against}, top-5 {100 * result.top5:.2f} % on {result.n} images, "
        f"{result.images_per_second:.3g} images/s, {result.target}"
    )
    if result.isa_note:
        print_text(result.isa_note)
    if result.simulated_by is not None:
        print_text(f"simulated by {result.simulated_by}, speed included; no silicon was involved")
