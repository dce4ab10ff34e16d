"""Run a pipeline: every stage that is not finished yet, then judge and publish each target."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgecnn
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.run import RunSummary, StepSummary
from edgecnn.core.documents.training import TrainingSummary
from edgecnn.devices.host import host
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.make_targets import Places, make_targets
from edgecnn.pipeline.runner import Reporter, SilentReporter, environment_fault
from edgecnn.pipeline.step import Status, StepResult
from edgecnn.ui.report.markdown import run_markdown
from edgecnn.ui.report.pruning import sensitivity_svg

if TYPE_CHECKING:
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.pipeline.publish import TargetResult

RUNS = Path("runs")
SUMMARY = "summary.json"
SENSITIVITY = "sensitivity.svg"


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes:
        name: Name of the pipeline.
        directory: The run's directory.
        targets: What became of every target.
        steps: What became of every step.
        seconds: Wall time.
    """

    name: str
    directory: Path
    targets: tuple[TargetResult, ...]
    steps: tuple[StepResult, ...]
    seconds: float

    @property
    def error(self) -> EdgecnnError | None:
        """The error of the first target that does not ship."""
        return next((target.error for target in self.targets if target.error is not None), None)

    @property
    def exit_code(self) -> int:
        """0 if every target ships, else the exit code of the first that does not."""
        return 0 if self.error is None else self.error.exit_code

    @property
    def summary(self) -> RunSummary:
        """The run as ``summary.json`` holds it."""
        training, pruning = self._note("train", "training"), self._note("pruned", "pruning")
        return RunSummary(
            name=self.name,
            directory=str(self.directory),
            edgecnn=edgecnn.__version__,
            seconds=round(self.seconds, 2),
            reused=sum(result.status is Status.REUSED for result in self.steps),
            training=None if training is None else TrainingSummary.from_json(training),
            pruning=None if pruning is None else PruningReport.from_json(pruning),
            targets=[target.summary for target in self.targets],
            steps=[_step_summary(result) for result in self.steps],
            host=host(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the run as plain data; ``summary.json`` holds the same."""
        return self.summary.to_json()

    def _note(self, step: str, name: str) -> object:
        """Return what a step noted for the report; None where there is no such step, or it failed."""
        entry = next((result.entry for result in self.steps if result.step.id == step), None)
        return None if entry is None else entry.record.notes[name]


def _step_summary(result: StepResult) -> StepSummary:
    return StepSummary(
        id=result.step.id,
        status=result.status.value,
        key=None if result.entry is None else result.entry.key,
        seconds=round(result.seconds, 3),
        costs={} if result.entry is None else result.entry.record.costs,
    )


def run(
    pipeline: str,
    overrides: tuple[str, ...] = (),
    *,
    out: Path | None = None,
    reporter: Reporter | None = None,
) -> RunResult:
    """Run a pipeline file.

    Args:
        pipeline: Name of a built-in pipeline, or path of a YAML file.
        overrides: Dotted overrides such as ``train.epochs=1``.
        out: The run's directory; ``runs/NAME`` when not given.
        reporter: Receives what happens.

    Returns:
        What became of every target. A target that does not ship is a result, not an exception.

    Raises:
        EdgecnnError: The pipeline cannot be started at all.
    """
    started = time.monotonic()
    loaded = load_pipeline(pipeline, overrides)
    directory = out or RUNS / loaded.spec.name
    places = Places(
        logs=directory / "logs",
        artifacts={name: directory / "artifacts" / name for name in loaded.targets},
        rejected={name: directory / "rejected" / name for name in loaded.targets},
        checkpoint=directory / "checkpoint",
    )
    targets, steps = make_targets(loaded, places, reporter or SilentReporter())
    result = RunResult(loaded.spec.name, directory, targets, steps, time.monotonic() - started)
    try:
        _write_summaries(result)
    except OSError as error:
        raise environment_fault(error) from error
    return result


def _write_summaries(result: RunResult) -> None:
    document = result.summary
    (result.directory / SUMMARY).write_text(document.model_dump_json(indent=1) + "\n", encoding="utf-8")
    curves = None if document.pruning is None else document.pruning.sensitivity
    if curves is not None:
        (result.directory / SENSITIVITY).write_text(sensitivity_svg(curves), encoding="utf-8")
    (result.directory / "summary.md").write_text(run_markdown(document), encoding="utf-8")
