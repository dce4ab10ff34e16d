"""``edgecnn bench``: latencies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import DeviceOption, JsonOption, examples, quantity

if TYPE_CHECKING:
    from edgecnn.core.documents.latency import BenchRow

COLUMNS = (
    *("artifact", "threads", "p50 ms", "p90 ms", "p99 ms", "first ms", "load ms", "peak MB"),
    *("ratio", "interval", "verdict"),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "bench",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn bench runs/quickstart/artifacts/onnx-fp32 runs/quickstart/artifacts/onnx-int8",
            "edgecnn bench old/tflite-int8 new/tflite-int8 --limit 1.02",
        ),
    )(bench)


def bench(
    artifacts: Annotated[
        list[Path], typer.Argument(metavar="ARTIFACT...", help="Artifacts; the first is the baseline.")
    ],
    limit: Annotated[
        str | None,
        typer.Option("--limit", metavar="RATIO", help="Largest ratio that passes; above it, exit 3."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="Time limit of an undecided comparison.")
    ] = 20.0,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Smallest number of pairs of new processes.")
    ] = 2,
    device: DeviceOption = "local",
    json: JsonOption = False,
) -> None:
    """Time artifacts in turns, each in separate pinned processes, until the ratio is clear."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table, print_text

    largest = None if limit is None else quantity("--limit", limit, "ratio")
    result = edgecnn.bench(artifacts, limit=largest, seconds=seconds, processes=processes, device=device)
    if json:
        print_json(result.to_json())
    else:
        print_table("", COLUMNS, [_cells(row) for row in result.rows])
        print_text(f"{result.host.cpu}, {result.host.isa}, load {result.host.load:.1f}")
    raise typer.Exit(result.exit_code)


def _cells(row: BenchRow) -> tuple[str, ...]:
    times = row.latency
    spent = (times.p50_ns, times.p90_ns, times.p99_ns, times.first_ns, times.load_ns)
    compared = row.compared
    return (
        row.target,
        str(row.threads),
        *(f"{value / 1e6:.3f}" for value in spent),
        f"{times.peak_bytes / 1e6:.0f}",
        "-" if compared is None else f"{compared.ratio:.3f}",
        "-" if compared is None else f"{compared.low:.3f} to {compared.high:.3f}",
        "-" if compared is None else compared.verdict.value,
    )
