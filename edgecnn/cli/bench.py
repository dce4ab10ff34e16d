"""``edgecnn bench``: latencies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgecnn.cli.options import JsonOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "bench",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn bench runs/quickstart/artifacts/onnx-fp32 runs/quickstart/artifacts/onnx-int8"
        ),
    )(bench)


def bench(
    artifacts: Annotated[
        list[Path], typer.Argument(metavar="ARTIFACT...", help="Artifacts; the first is the baseline.")
    ],
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often two artifacts take turns.")] = 20,
    milliseconds: Annotated[float, typer.Option("--turn", min=1.0, help="Milliseconds of one turn.")] = 50.0,
    json: JsonOption = False,
) -> None:
    """Time artifacts in turns, each in a pinned process of its own."""
    import edgecnn
    from edgecnn.cli.console import print_json, print_table, print_text

    result = edgecnn.bench(artifacts, rounds=rounds, milliseconds=milliseconds)
    if json:
        print_json(result.to_json())
        return
    rows = [
        (
            row.target,
            str(row.threads),
            f"{row.latency.p50_ns / 1e6:.3f}",
            f"{row.latency.p90_ns / 1e6:.3f}",
            "-" if row.ratio is None else f"{row.ratio:.3f}",
            "-" if row.interval is None else f"{row.interval[0]:.3f} to {row.interval[1]:.3f}",
        )
        for row in result.rows
    ]
    print_table("", ("artifact", "threads", "median ms", "p90 ms", "ratio", "95 % interval"), rows)
    print_text(f"{result.host.cpu}, {result.host.isa}, load {result.host.load:.1f}")
