"""``edgecnn count``: executed instructions of one inference."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.ui.cli.options import ArtifactArgument, JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "count",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn toolchain install arm-emulation",
            "edgecnn count runs/quickstart/artifacts/tflite-int8",
            "edgecnn count runs/quickstart/artifacts/onnx-int8 --device x86",
        ),
    )(count)


def count(
    artifact: ArtifactArgument,
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--device", help="raspberry-pi-4, raspberry-pi-5 or x86; both Raspberry Pis if not given."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Count the instructions of one inference: Arm ones on emulated Raspberry Pis, x86 ones by Valgrind.

    The count, unlike a latency, is the same on any machine within one version of the counting tool.
    """
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table

    result = edgecnn.count(artifact, devices) if devices else edgecnn.count(artifact)
    if json:
        print_json(result.to_json())
        return
    rows = [
        (found.device, str(found.median), str(found.least), str(found.most), found.tool)
        for found in result.counts
    ]
    print_table(result.target, ("device", "instructions", "least", "most", "counted by"), rows)
