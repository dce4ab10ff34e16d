"""``edgecnn export``: one network for one target."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from edgecnn.ui.cli.options import JobsOption, JsonOption, NetworkOption, OutOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "export",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn fetch zoo:efficientnet-lite0",
            "edgecnn export zoo:efficientnet-lite0 --target tflite-int8 --calibration photos.csv",
            "edgecnn export runs/quickstart/checkpoint --target onnx-int8 --calibration photos/",
            "edgecnn export runs/mine/checkpoint --network python:nets:Net --target onnx-fp32 --data photos/",
            "edgecnn export yolox_nano.onnx --target tflite-int8 --calibration photos/",
            "edgecnn export mobilenet.keras --target tflite-int8 --calibration photos/",
        ),
    )(export)


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="zoo:NAME, timm:NAME, torchvision:NAME, python:package.module:factory, "
            "a checkpoint directory, an .onnx, .tflite, .keras or .h5 file, or a SavedModel folder.",
        ),
    ],
    target: Annotated[str, typer.Option("--target", "-t", help="Target; `edgecnn targets` lists them.")],
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            metavar="CSV|DIR",
            help="Real images for int8 ranges and for verification.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="CSV|DIR",
            help="Labelled images, for measuring the loss against fp32.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="Weights that replace the published ones: .safetensors or .pth.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option("--images", min=1, help="Calibration images; all of them, up to 512, when not given."),
    ] = None,
    outputs: Annotated[
        str | None,
        typer.Option(
            "--outputs",
            metavar="NAME,NAME",
            help="Tensors at which to cut an .onnx file whose decode part is not recognized.",
            show_default=False,
        ),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(
            "--signature",
            metavar="NAME",
            help="Function of a SavedModel folder that has several.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="HxW",
            help="Height and width of the images, which an .onnx file may leave open.",
            show_default=False,
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            "--family",
            metavar="NAME",
            help="Family of a detector in an .onnx file, such as yolov8, for what the file does not say.",
            show_default=False,
        ),
    ] = None,
    network: NetworkOption = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override of the pipeline, such as targets.onnx-int8.isa=arm64.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = None,
    jobs: JobsOption = None,
    json: JsonOption = False,
) -> None:
    """Export a network for a target and prove the file in its runtime; prints the artifact's directory."""
    import edgecnn
    from edgecnn.ui.cli.console import log_console, print_json, print_table, print_text
    from edgecnn.ui.cli.failure import fail
    from edgecnn.ui.cli.reporter import ConsoleReporter
    from edgecnn.ui.report.check import proof_lines
    from edgecnn.ui.report.rows import climbed, ladder_table

    with ConsoleReporter() as reporter:
        result = edgecnn.export(
            model,
            target,
            calibration=calibration,
            data=data,
            weights=None if weights is None else str(weights),
            images=images,
            outputs=tuple(outputs.split(",")) if outputs else (),
            signature=signature,
            family=family,
            network=network,
            overrides=(*_size_overrides(size), *(overrides or ())),
            out=out,
            jobs=jobs,
            reporter=reporter,
        )
    if json:
        print_json(result.summary.to_json())
    elif result.manifest is not None:
        console = log_console()  # the path alone goes to standard output
        for climber in climbed([result.summary]):
            print_table("recovery", *ladder_table(climber), to=console)
        for line in proof_lines(result.manifest, result.summary):
            console.print(line)
    if result.error is not None:
        raise typer.Exit(fail(result.error, as_json=False))
    if not json:
        print_text(str(result.artifact))


def _size_overrides(size: str | None) -> tuple[str, ...]:
    """Return the overrides of the preprocessing for a size such as ``480x640``.

    Raises:
        UsageError: It is no size.
    """
    from edgecnn.core.errors import UsageError

    if size is None:
        return ()
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    if found is None:
        raise UsageError(f"--input {size!r} is no size", hint="HEIGHTxWIDTH in pixels, such as 480x640")
    return (f"preprocessing.height={found[1]}", f"preprocessing.width={found[2]}")
