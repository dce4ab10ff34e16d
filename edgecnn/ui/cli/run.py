"""``edgecnn run``: one pipeline from data to verified artifacts."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.ui.cli.options import JobsOption, JsonOption, OutOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "run",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn run quickstart", "edgecnn run pipelines/quickstart.yaml train.epochs=1 --out runs/try"
        ),
    )(run)


def run(
    pipeline: Annotated[
        str, typer.Argument(metavar="PIPELINE", help="A YAML file, or the name of a built-in pipeline.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Overrides such as train.epochs=1.", show_default=False
        ),
    ] = None,
    out: OutOption = None,
    jobs: JobsOption = None,
    json: JsonOption = False,
) -> None:
    """Run a pipeline: train, prune, quantize, export, prove every file in its runtime, check its budgets.

    Finished steps are reused; a stopped run continues where it was.
    """
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_table, print_text
    from edgecnn.ui.cli.failure import fail
    from edgecnn.ui.cli.reporter import ConsoleReporter
    from edgecnn.ui.report.pruning import pruning_table
    from edgecnn.ui.report.rows import climbed, ladder_table, target_table, warned, worth

    with ConsoleReporter() as reporter:
        result = edgecnn.run(pipeline, tuple(overrides or ()), out=out, jobs=jobs, reporter=reporter)
    summary = result.summary
    if json:
        print_json(summary.to_json())
    else:
        if summary.pruning is not None:
            print_table("pruning", *pruning_table(summary.pruning))
        print_table(result.name, *target_table(summary.targets))
        for target in climbed(summary.targets):
            print_table(f"recovery of {target.target}", *ladder_table(target))
        for line in (*worth(summary.targets), *warned(summary.targets)):
            print_text(line)
        print_text(
            f"{result.directory}/summary.md; {summary.reused} of {len(result.steps)} steps reused, "
            f"{result.seconds:.1f} s"
        )
    for outcome in result.targets:
        if outcome.error is not None:
            fail(outcome.error, as_json=False)
    raise typer.Exit(result.exit_code)
