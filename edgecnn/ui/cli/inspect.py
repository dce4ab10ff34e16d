"""``edgecnn inspect``: what a model file is, read back from its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecnn.ui.cli.options import JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "inspect",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn inspect artifacts/efficientnet-lite0-tflite-int8",
            "edgecnn inspect model.tflite --target ethos-u55-128",
        ),
    )(inspect)


def inspect(
    path: Annotated[
        Path, typer.Argument(metavar="ARTIFACT|FILE", help="An artifact, or an .onnx, .tflite or .xml file.")
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--target", "-t", metavar="NPU", help="Compile for this NPU target and show what it says."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Write the NPU's report as .json, .md and .svg."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show precision, operations, inputs and outputs of a model file, and every layer's cost on an NPU."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table, print_text

    result = edgecnn.inspect(path, target=target, out=out)
    if json:
        print_json(result)
        return
    print_text(_headline(result))
    tensors = [
        (kind, tensor["name"], "x".join(map(str, tensor["shape"])), tensor["dtype"], _quantization(tensor))
        for kind in ("inputs", "outputs")
        for tensor in result[kind]
    ]
    print_table("", ("tensor", "name", "shape", "type", "quantization"), tensors)
    counts = sorted(result["ops"].items(), key=lambda item: -item[1])
    print_table("", ("operation", "count"), [(name, str(count)) for name, count in counts])
    if result["float_ops"] and result["precision"] == "mixed":
        print_text("in floating point: " + ", ".join(result["float_op_names"][:20]))
    if "npu_coverage" in result:
        _show_npu(result)


def _show_npu(result: dict[str, Any]) -> None:
    from edgecnn.backends.npu_report import NpuReport
    from edgecnn.ui.cli.console import print_table, print_text
    from edgecnn.ui.report.npu import COLUMNS, change_lines, headline, layer_rows, origin

    report = NpuReport.from_json(result)
    print_table("", COLUMNS, layer_rows(report))
    print_text(headline(report))
    print_text("change first:")
    for line in change_lines(report):
        print_text(f"  {line}")
    print_text(origin(report))


def _headline(result: dict[str, Any]) -> str:
    from edgecnn.core.config.quantities import format_size

    return (
        f"{result['format']}, {result['precision']}, {format_size(result['size_bytes'])}, "
        f"{result['parameters']} parameters, {result['float_ops']} float ops, "
        f"{result['transposes']} transposes"
    )


def _quantization(tensor: dict[str, Any]) -> str:
    if tensor["scale"] is None:
        return "-"
    zero = tensor["zero_point"]
    return f"scale {tensor['scale']:.6g}" + ("" if zero is None else f", zero point {zero}")
