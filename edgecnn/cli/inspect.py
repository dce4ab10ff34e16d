"""``edgecnn inspect``: what a model file is, read back from its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecnn.cli.options import JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "inspect",
        no_args_is_help=True,
        epilog=examples("edgecnn inspect artifacts/efficientnet-lite0-tflite-int8"),
    )(inspect)


def inspect(
    path: Annotated[
        Path, typer.Argument(metavar="ARTIFACT|FILE", help="An artifact, or an .onnx, .tflite or .xml file.")
    ],
    json: JsonOption = False,
) -> None:
    """Show precision, operations, inputs and outputs of a model file."""
    import edgecnn
    from edgecnn.cli.console import print_json, print_table, print_text

    result = edgecnn.inspect(path)
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


def _headline(result: dict[str, Any]) -> str:
    from edgecnn.config.quantities import format_size

    return (
        f"{result['format']}, {result['precision']}, {format_size(result['size_bytes'])}, "
        f"{result['parameters']} parameters, {result['float_ops']} float ops, "
        f"{result['transposes']} transposes"
    )


def _quantization(tensor: dict[str, Any]) -> str:
    if tensor["scale"] is None:
        return "-"
    return f"scale {tensor['scale']:.6g}, zero point {tensor['zero_point']}"
