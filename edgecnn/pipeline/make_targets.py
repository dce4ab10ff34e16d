"""The common part of ``run`` and ``export``: plan, execute, and publish targets."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.computing import usable_cores
from edgecnn.core.config.paths import home, store_dir
from edgecnn.core.errors import DamagedEntry, UsageError, machine_fault, not_written
from edgecnn.core.files import copy_folder, draft_directory
from edgecnn.core.named_code import named_by_user
from edgecnn.core.own_place import require_own_folder
from edgecnn.core.store.digest import digest_files
from edgecnn.core.store.manifest import NAME
from edgecnn.core.store.runs import ARTIFACTS, REJECTED, lock_beside
from edgecnn.core.store.store import Store
from edgecnn.core.store.sums import write_sums
from edgecnn.core.warm import warm_processes
from edgecnn.models.registry import find_source
from edgecnn.models.spec_file import SPEC_FILE
from edgecnn.pipeline.label_check import with_checked_labels
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.preflight import check_before_work
from edgecnn.pipeline.publish import TargetResult, publish
from edgecnn.pipeline.runner import again_if_damaged, execute
from edgecnn.pipeline.step import needed
from edgecnn.pipeline.target_judges import TargetJudges
from edgecnn.pipeline.task_budgets import CONTRACT_STEP, refuse_budgets_of_other_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.core.store.entry import Entry
    from edgecnn.pipeline.reporter import Reporter
    from edgecnn.pipeline.step import StepResult

    Results = tuple[tuple[TargetResult, ...], tuple[StepResult, ...]]
    """Results of all targets and of all steps."""


@dataclass(frozen=True)
class Places:
    """Places of a run's results.

    Attributes:
        logs: Directory for the output of vendor code.
        artifacts: Directory for artifacts that ship.
        rejected: Directory for artifacts that do not ship.
        lock: Directory beside which the lock of the publication lies.
        checkpoint: Directory for a copy of the exported network, or None for no copy.
    """

    logs: Path
    artifacts: dict[str, Path]
    rejected: dict[str, Path]
    lock: Path
    checkpoint: Path | None = None

    @classmethod
    def of_run(cls, directory: Path, pipeline: Pipeline) -> Places:
        """Return the places in a run's directory."""
        return cls(
            logs=directory / "logs",
            artifacts={name: directory / ARTIFACTS / name for name in pipeline.targets},
            rejected={name: directory / REJECTED / name for name in pipeline.targets},
            lock=directory,
            checkpoint=directory / "checkpoint",
        )

    @classmethod
    def of_artifact(cls, artifact: Path, pipeline: Pipeline) -> Places:
        """Return the places of an artifact outside a run; a rejected one is beside it.

        Raises:
            UsageError: The path has no name of its own, as that of the current folder.
        """
        if artifact.name in ("", ".."):
            raise UsageError(
                f"{artifact} is no place for an artifact, which replaces a whole folder",
                hint="give the name of a folder with --out",
            )
        return cls(
            logs=home() / "logs" / pipeline.spec.name,
            artifacts=dict.fromkeys(pipeline.targets, artifact),
            rejected=dict.fromkeys(pipeline.targets, artifact.with_name(f"{artifact.name}.rejected")),
            lock=artifact,
        )

    def make(self) -> None:
        """Create the folders, so that a place that cannot be used is reported before the work.

        Raises:
            MachineFault: One of them cannot be written.
            InputError: Something that edgecnn did not write would be replaced.
        """
        for path in (*self.artifacts.values(), *self.rejected.values()):
            require_own_folder(path, NAME, "an artifact")
        if self.checkpoint is not None:
            require_own_folder(self.checkpoint, SPEC_FILE, "a checkpoint")
        folders = {self.logs, *(path.parent for path in self.artifacts.values())}
        for folder in folders:
            make_folder(folder)


def make_folder(folder: Path) -> None:
    """Make a folder and see that files can be written there.

    Raises:
        MachineFault: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise not_written(folder, error, "choose another directory with --out") from error


def make_targets(
    pipeline: Pipeline,
    places: Places,
    reporter: Reporter,
    published: Callable[[Results], None] | None = None,
    *,
    jobs: int | None = None,
) -> Results:
    """Plan and execute a pipeline and publish each of its targets.

    Args:
        pipeline: The pipeline.
        places: Places of the results.
        reporter: Receives what happens.
        published: Called with the results while the lock of the publication is held, so that what it writes
            beside the artifacts is of the same run as they are.
        jobs: Largest number of steps that run side by side; None for as many as there are processors.

    Returns:
        Results of all targets and of all steps.

    Raises:
        EdgecnnError: The pipeline cannot be started, or the machine cannot store its results.
    """
    places.make()
    reference = pipeline.spec.model.name
    with named_by_user(reference, pipeline.spec.model.network):
        check_before_work(pipeline)
        with warm_processes(find_source(reference).made_with(reference)):
            return _make_targets(pipeline, places, reporter, published, jobs or usable_cores())


def _make_targets(
    pipeline: Pipeline,
    places: Places,
    reporter: Reporter,
    published: Callable[[Results], None] | None,
    jobs: int,
) -> Results:
    try:
        store = Store(store_dir())
        store.clear_abandoned()
        return again_if_damaged(
            lambda: _execute_and_publish(pipeline, places, reporter, store, published, jobs)
        )
    except OSError as error:
        raise machine_fault(error) from error


def _execute_and_publish(
    pipeline: Pipeline,
    places: Places,
    reporter: Reporter,
    store: Store,
    published: Callable[[Results], None] | None,
    jobs: int,
) -> Results:
    plan = make_plan(pipeline)
    results = execute(needed(plan.steps, {CONTRACT_STEP}), store, reporter, places.logs)
    refuse_budgets_of_other_tasks(pipeline, results)
    results = with_checked_labels(plan, results)
    judges = TargetJudges(plan, reporter)
    results = execute(plan.steps, store, reporter, places.logs, done=results, more=judges.judge, jobs=jobs)
    # Two runs into one directory publish one after the other.
    with lock_beside(places.lock):
        entry = results[plan.checkpoint].entry
        if places.checkpoint is not None and entry is not None:
            _copy(entry, places.checkpoint)
        targets = tuple(
            publish(judges.judged[name], places.artifacts[name], places.rejected[name])
            for name in pipeline.targets
        )
        made = targets, tuple(results[step.id] for step in plan.steps)
        if published is not None:
            published(made)
    return made


def _copy(checkpoint: Entry, directory: Path) -> None:
    """Copy a checkpoint to the user's directory; the store's files are never handed out.

    Raises:
        DamagedEntry: The files, or the copies, are not those that the step made.
    """
    digests = checkpoint.check()
    with draft_directory(directory) as draft:
        copy_folder(checkpoint.outputs, draft)
        if digest_files(draft) != digests:
            raise DamagedEntry(f"the copies of {checkpoint.outputs} in {draft} are damaged")
        write_sums(draft, digests)
