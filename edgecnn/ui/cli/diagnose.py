"""``edgecnn diagnose``: the layers of an int8 artifact that lose accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples

ROWS = 10


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "diagnose",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn diagnose artifacts/efficientnet-lite0-tflite-int8 --data test.csv",
            "edgecnn diagnose runs/mine/rejected/onnx-int8 --data photos/ --images 100 --out report",
            "edgecnn diagnose int8.onnx --float fp32.onnx --contract spec.json --data photos/",
        ),
    )(diagnose)


def diagnose(
    artifact: Annotated[
        Path,
        typer.Argument(metavar="ARTIFACT|FILE", help="An artifact, or an int8 .onnx, .tflite or .xml file."),
    ],
    data: Annotated[
        str,
        typer.Option("--data", metavar="CSV|DIR", help="Real images; labels are used if there are any."),
    ],
    images: Annotated[
        int, typer.Option("--images", min=1, help="How many of them, evenly over the classes.")
    ] = 30,
    float_file: Annotated[
        Path | None,
        typer.Option(
            "--float",
            metavar="FILE",
            help="The float file that it was quantized from, if the store no longer has it.",
            show_default=False,
        ),
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            metavar="JSON",
            help="Preprocessing of a FILE: a contract, or a spec.json or manifest.json that holds one.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Write the report as .json, .md and .svg."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find the layers of an int8 artifact that lose accuracy: alone, in the network, and on this CPU.

    The result is a sentence on the worst layer, a table of the ten worst, and the change to make to the
    target.
    """
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table, print_text
    from edgecnn.ui.cli.reporter import bar
    from edgecnn.ui.report.diagnosis import COLUMNS, layer_rows, snippet, whole_line

    with bar() as progress:
        found = edgecnn.diagnose(
            artifact,
            data,
            images=images,
            float_file=float_file,
            contract=contract,
            out=out,
            progress=progress,
        )
    if json:
        print_json(found.to_json() | {"snippet": snippet(found)})
        return
    print_text(found.headline)
    print_text(whole_line(found))
    print_table("", COLUMNS, layer_rows(found, ROWS))
    change = snippet(found)
    if change is not None:
        print_text(f"change first, in the pipeline:\n{change}")
