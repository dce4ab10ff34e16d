"""``edgecnn check``: links, budgets and regressions of a run or an artifact, as an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import DeviceOption, JsonOption, examples, quantity

if TYPE_CHECKING:
    from edgecnn.core.documents.check import CheckResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "check",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn check runs/quickstart",
            "edgecnn check runs/quickstart --baseline baselines/quickstart.yaml --junit check.xml",
            "edgecnn check artifacts/mine-tflite-int8 --budgets budgets.yaml",
        ),
    )(check)


def check(
    path: Annotated[Path, typer.Argument(metavar="RUN|ARTIFACT", help="Directory of a run or an artifact.")],
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="Accepted baseline to compare with.")
    ] = None,
    budgets: Annotated[
        Path | None, typer.Option("--budgets", metavar="FILE", help="Budgets that replace the run's own.")
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Time run and baseline in turns, here.")
    ] = True,
    latency_limit: Annotated[
        str,
        typer.Option("--latency-limit", metavar="RATIO", help="Largest ratio that is not a regression."),
    ] = "1.02",
    accuracy_tolerance: Annotated[
        str,
        typer.Option(
            "--accuracy-tolerance", metavar="SHARE", help="Allowed difference, in either direction."
        ),
    ] = "0.5 %",
    size_tolerance: Annotated[
        str, typer.Option("--size-tolerance", metavar="SIZE", help="Size by which a file may grow.")
    ] = "1 kB",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="TARGET", help="Check this target only; may be given several times."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="A check that cannot decide, such as of few images or a noisy time, is a failure.",
        ),
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.", show_default=False)
    ] = None,
    device: DeviceOption = "local",
    json: JsonOption = False,
) -> None:
    """Check that files are unchanged, that links and budgets hold, and that nothing is worse than before.

    A run must have every target of the baseline; --only TARGET restricts the check. A file with the accepted
    bytes holds without being timed. A check that cannot decide is a warning, with --strict a failure.

    The exit code is 0 if all is well, 3 for a missed budget or a regression, 4 for a broken link, 2 for a
    changed file. In a GitHub workflow, annotations are printed and the step's summary gets a table.
    """
    import edgecnn
    from edgecnn.core.files import require_regular
    from edgecnn.pipeline.regression_rows import Tolerances
    from edgecnn.ui.cli.console import print_json, print_table, print_text
    from edgecnn.ui.report.check import COLUMNS, check_cells
    from edgecnn.ui.report.github import STEP_SUMMARY

    for place in (junit, os.environ.get(STEP_SUMMARY)):
        if place:
            require_regular(Path(place))
    result = edgecnn.check(
        path,
        baseline=baseline,
        budgets=budgets,
        latency=latency,
        tolerances=Tolerances(
            quantity("--latency-limit", latency_limit, "ratio"),
            quantity("--accuracy-tolerance", accuracy_tolerance, "share"),
            round(quantity("--size-tolerance", size_tolerance, "bytes", small=True)),
        ),
        strict=strict,
        device=device,
        only=only or (),
    )
    _tell_ci(result, junit)
    if json:
        print_json(result.to_json())
    else:
        print_table("", COLUMNS, [check_cells(row) for row in result.rows])
        failed = f"{len(result.failed)} of {len(result.rows)} checks missed"
        held = "everything that was checked holds" if result.note else "everything holds"
        print_text(held if result.passed else failed)
        if result.note:
            print_text(result.note)
    raise typer.Exit(result.exit_code)


def _tell_ci(result: CheckResult, junit: Path | None) -> None:
    """Write files for a CI service: JUnit XML on request, and GitHub's own inside a workflow."""
    from edgecnn.core.errors import not_written
    from edgecnn.ui.report.check import check_markdown
    from edgecnn.ui.report.github import ACTIONS, STEP_SUMMARY, annotation_lines
    from edgecnn.ui.report.junit import junit_xml

    summary = os.environ.get(STEP_SUMMARY)
    try:
        if junit is not None:
            junit.parent.mkdir(parents=True, exist_ok=True)
            junit.write_text(junit_xml(result.rows), encoding="utf-8")
        if summary:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(check_markdown(result.path, result.rows))
    except OSError as error:
        raise not_written(error.filename, error) from error
    if os.environ.get(ACTIONS) == "true":
        # Standard output is reserved for the document of --json; GitHub's runner reads both streams.
        sys.stderr.writelines(f"{line}\n" for line in annotation_lines(result.rows))
