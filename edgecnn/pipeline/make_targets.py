"""Make the targets of a pipeline: plan, execute, publish; what ``run`` and ``export`` have in common."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import filelock

from edgecnn.core.config.paths import store_dir
from edgecnn.core.errors import InputError
from edgecnn.core.files import draft_directory
from edgecnn.core.store.store import Store
from edgecnn.pipeline.ladder import climb
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.publish import TargetResult, publish
from edgecnn.pipeline.runner import Reporter, environment_fault, execute

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.pipeline.step import StepResult


@dataclass(frozen=True)
class Places:
    """Where the results of a run go.

    Attributes:
        logs: Directory of what vendor code prints.
        artifacts: Directory of each target's artifact, if it ships.
        rejected: Directory of each target's artifact, if it does not.
        checkpoint: Directory of a copy of the network that was exported, or None if nobody wants one.
    """

    logs: Path
    artifacts: dict[str, Path]
    rejected: dict[str, Path]
    checkpoint: Path | None = None

    def make(self) -> None:
        """Make the folders, so that a place that cannot be written is known before the work.

        Raises:
            InputError: One of them cannot be written.
        """
        for folder in {self.logs, *(path.parent for path in self.artifacts.values())}:
            make_folder(folder)


def make_folder(folder: Path) -> None:
    """Make a folder and see that files can be written there.

    Raises:
        InputError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}", hint="choose another directory with --out"
        ) from error


def make_targets(
    pipeline: Pipeline, places: Places, reporter: Reporter
) -> tuple[tuple[TargetResult, ...], tuple[StepResult, ...]]:
    """Plan and execute a pipeline and publish each of its targets.

    Returns:
        What became of every target and of every step.

    Raises:
        EdgecnnError: The pipeline cannot be started, or the machine cannot take its results.
    """
    places.make()
    try:
        plan = make_plan(pipeline)
        results = execute(plan.steps, Store(store_dir()), reporter, places.logs)
        while climb(plan, results):
            results = execute(plan.steps, Store(store_dir()), reporter, places.logs, done=results)
        # Two runs into one directory publish one after the other.
        with filelock.FileLock(places.logs / ".lock"):
            entry = results[plan.checkpoint].entry
            if places.checkpoint is not None and entry is not None:
                _copy(entry.outputs, places.checkpoint)
            targets = tuple(
                publish(plan, target, results, places.artifacts[name], places.rejected[name])
                for name, target in pipeline.targets.items()
            )
    except OSError as error:
        raise environment_fault(error) from error
    return targets, tuple(results.values())


def _copy(outputs: Path, directory: Path) -> None:
    """Copy finished outputs to where the user looks for them; the store's own are never handed out."""
    with draft_directory(directory) as draft:
        shutil.copytree(outputs, draft, dirs_exist_ok=True)
