"""Execution of a pipeline: all unfinished stages, then judgement and publication of each target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.reporter import Reporter, SilentReporter
from edgecnn.pipeline.run import run_pipeline
from edgecnn.ui.report.markdown import write_run

if TYPE_CHECKING:
    from edgecnn.pipeline.run import RunResult

RUNS = Path("runs")


def run(
    pipeline: str,
    overrides: tuple[str, ...] = (),
    *,
    out: Path | None = None,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> RunResult:
    """Run a pipeline file.

    Args:
        pipeline: Name of a built-in pipeline, or path of a YAML file.
        overrides: Dotted overrides such as ``train.epochs=1``.
        out: The run's directory; by default ``runs/NAME``.
        jobs: Largest number of steps that run side by side; by default as many as there are processors. It
            does not change any file.
        reporter: Receives events.

    Returns:
        The result of every target. A target that does not ship is a result, not an exception.

    Raises:
        EdgecnnError: The pipeline cannot be started at all, or the run's directory cannot be written.
    """
    loaded = load_pipeline(pipeline, overrides)
    return run_pipeline(
        loaded,
        out or RUNS / loaded.spec.name,
        reporter or SilentReporter(),
        lambda result: write_run(result.summary, result.directory),
        jobs=jobs,
    )
