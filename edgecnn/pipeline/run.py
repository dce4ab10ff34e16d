"""Run a pipeline: every stage that is not finished yet, then judge and publish each target."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import edgecnn
from edgecnn.core.documents.pruning import PruningReport
from edgecnn.core.documents.run import RunSummary, StepSummary
from edgecnn.core.documents.training import TrainingSummary
from edgecnn.devices.host import host
from edgecnn.pipeline.make_targets import Places, make_targets
from edgecnn.pipeline.step import Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.pipeline.make_targets import Results
    from edgecnn.pipeline.publish import TargetResult
    from edgecnn.pipeline.reporter import Reporter


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes:
        name: Name of the pipeline.
        directory: The run's directory.
        targets: The result of every target.
        steps: The result of every step.
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

    def _note(self, step: str, name: str) -> object:
        """Return the note of a step; None if there is no such step, or it failed."""
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


def run_pipeline(
    pipeline: Pipeline,
    directory: Path,
    reporter: Reporter,
    write: Callable[[RunResult], None],
    *,
    jobs: int | None = None,
) -> RunResult:
    """Execute a pipeline into a run's directory.

    Args:
        pipeline: The pipeline.
        directory: The run's directory.
        reporter: Receives what happens.
        write: Writes the run's reports; no other run publishes into the directory meanwhile.
        jobs: Largest number of steps that run side by side; None for as many as there are processors.

    Raises:
        EdgecnnError: The pipeline cannot be started at all.
    """
    started = time.monotonic()

    def result(made: Results) -> RunResult:
        return RunResult(pipeline.spec.name, directory, *made, time.monotonic() - started)

    places = Places.of_run(directory, pipeline)
    return result(make_targets(pipeline, places, reporter, lambda made: write(result(made)), jobs=jobs))
