"""``edgecnn search``: the cheapest network that meets budgets."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, OutOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "search",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn search quickstart --minutes 60",
            "edgecnn search quickstart search.width=[0.35,0.5,1.0] search.input=[24,28]",
            "edgecnn search pipelines/mine.yaml --storage postgresql://me@host/study   # on every machine",
            "edgecnn run searches/quickstart/winner.yaml",
        ),
    )(search)


def search(
    pipeline: Annotated[
        str, typer.Argument(metavar="PIPELINE", help="A YAML file, or the name of a built-in pipeline.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Overrides such as search.budgets.onnx-int8.latency_ratio=0.4.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="FILE|URL",
            help="The study, which several processes can share: a journal file, or a database's URL.",
            show_default="study.journal in the result's folder",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", help="Time limit; the next search continues.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find the cheapest width, input size, pruning and quantization that meet the budgets of a pipeline.

    Budgets are in its `search` section, relative to the network in the pipeline: accuracy_drop, latency_ratio
    to its float32 file, size. Size and latency are measured first; combinations that meet them are trained,
    the best ones longer (successive halving). The winner is written as a pipeline. A stopped search continues
    when it is started again, and several searches with one storage share the work. The exit code is 3 if
    nothing meets the budgets.
    """
    import edgecnn
    from edgecnn.core import errors
    from edgecnn.ui.cli.console import print_error, print_json, print_table, print_text
    from edgecnn.ui.cli.reporter import SearchConsoleReporter
    from edgecnn.ui.report.search import COLUMNS, search_rows, summary

    with SearchConsoleReporter() as reporter:
        result = edgecnn.search(
            pipeline, tuple(overrides or ()), out=out, storage=storage, minutes=minutes, reporter=reporter
        )
    if json:
        print_json(result.to_json())
    else:
        print_table(result.name, COLUMNS, search_rows(result))
        print_text(summary(result))
        print_text(f"{result.pipeline or result.directory / 'search.md'}; {result.directory}/pareto.svg")
    if result.error is not None:
        print_error(errors.from_json(result.error.to_json()))
    raise typer.Exit(result.exit_code)
