"""``edgecnn inspect``: the properties of a model file, read back from its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from edgecnn.core.documents.inspection import Inspection
    from edgecnn.core.documents.npu import NpuReport
    from edgecnn.ondevice.tensor import TensorInfo


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
            "--target",
            "-t",
            metavar="NPU",
            help="Compile for this NPU target and show the compiler's report.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Write the NPU's report as .json, .md and .svg."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show precision, operations, inputs and outputs of a model file, and every layer's cost on an NPU."""
    from edgecnn.ui.api.inspect import inspect_documents
    from edgecnn.ui.cli.console import print_json, print_table, print_text

    result = inspect_documents(path, target=target, out=out)
    if json:
        print_json(result.plain())
        return
    found = result.inspection
    print_text(_headline(found))
    tensors = [
        (kind, tensor.name, "x".join(map(str, tensor.shape)), tensor.dtype, _quantization(tensor))
        for kind, tensors in (("inputs", found.inputs), ("outputs", found.outputs))
        for tensor in tensors
    ]
    print_table("", ("tensor", "name", "shape", "type", "quantization"), tensors)
    counts = sorted(found.ops.items(), key=lambda item: -item[1])
    print_table("", ("operation", "count"), [(name, str(count)) for name, count in counts])
    if found.float_ops and found.precision == "mixed":
        print_text("in floating point: " + ", ".join(found.float_op_names[:20]))
    if result.npu is not None:
        _show_npu(result.npu)


def _show_npu(report: NpuReport) -> None:
    from edgecnn.ui.cli.console import print_table, print_text
    from edgecnn.ui.report.npu import COLUMNS, change_lines, headline, layer_rows, origin

    print_table("", COLUMNS, layer_rows(report))
    print_text(headline(report))
    print_text("change first:")
    for line in change_lines(report):
        print_text(f"  {line}")
    print_text(origin(report))


def _headline(found: Inspection) -> str:
    from edgecnn.core.config.quantities import format_size

    return (
        f"{found.format}, {found.precision}, {format_size(found.size_bytes)}, "
        f"{found.parameters} parameters, {found.float_ops} float ops, {found.transposes} transposes"
    )


def _quantization(tensor: TensorInfo) -> str:
    if tensor.scale is None:
        return "-"
    zero = tensor.zero_point
    return f"scale {tensor.scale:.6g}" + ("" if zero is None else f", zero point {zero}")
