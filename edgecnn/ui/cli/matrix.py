"""``edgecnn matrix``: one artifact in several versions of its runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import ArtifactArgument, JsonOption, LimitOption, examples, quantity

if TYPE_CHECKING:
    from edgecnn.pipeline.matrix import MatrixRow

COLUMNS = ("runtime", "max abs", "agreement", "accuracy", "ratio", "interval", "verdict")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "matrix",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn matrix artifacts/mine-onnx-int8 --install --runtime onnxruntime==1.22.0,1.32.0",
            "edgecnn matrix artifacts/mine-tflite-int8 --runtime litert==2.1.0,2.3.0 --data test.csv",
        ),
    )(matrix)


def matrix(
    artifact: ArtifactArgument,
    runtimes: Annotated[
        list[str],
        typer.Option("--runtime", metavar="NAME==V1,V2", help="Versions; the first is the reference."),
    ],
    data: Annotated[
        str | None, typer.Option("--data", metavar="CSV|DIR", help="Labelled images; noise if not given.")
    ] = None,
    limit: LimitOption = None,
    install: Annotated[
        bool, typer.Option("--install", help="Install missing environments, which downloads.")
    ] = False,
    latency_limit: Annotated[
        str, typer.Option("--latency-limit", metavar="RATIO", help="Largest ratio that passes.")
    ] = "1.02",
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Time for one comparison.")] = 20.0,
    json: JsonOption = False,
) -> None:
    """Run the same file in several versions of its runtime: outputs, accuracy, latency ratio.

    The exit code is 4 if a version breaks the file, 3 if one is slower.
    """
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table

    result = edgecnn.matrix(
        artifact,
        runtimes,
        data=data,
        limit=limit,
        install=install,
        latency_limit=quantity("--latency-limit", latency_limit, "ratio"),
        seconds=seconds,
    )
    if json:
        print_json(result.to_json())
    else:
        print_table("", COLUMNS, [_cells(row) for row in result.rows])
    raise typer.Exit(result.exit_code)


def _cells(row: MatrixRow) -> tuple[str, ...]:
    latency = row.latency
    return (
        row.runtime,
        "-" if row.max_abs is None else f"{row.max_abs:.3g}",
        "-" if row.agreement is None else f"{100 * row.agreement:.1f} %",
        _accuracy(row),
        "-" if latency is None else f"{latency.ratio:.3f}",
        "-" if latency is None else f"{latency.low:.3f} to {latency.high:.3f}",
        row.error or row.verdict.value,
    )


def _accuracy(row: MatrixRow) -> str:
    if row.accuracy is not None:
        return row.accuracy.reason
    return "the same outputs" if row.max_abs == 0.0 and row.latency is not None else "-"
