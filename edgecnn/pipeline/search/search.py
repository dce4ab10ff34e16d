"""Search a pipeline: open the study, measure until the winner is known, write the results."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import store_dir
from edgecnn.core.documents.run import ErrorReport
from edgecnn.core.documents.search import SearchResult
from edgecnn.core.errors import BudgetMissed, MissingDependency, UsageError, machine_fault
from edgecnn.core.files import write_texts
from edgecnn.core.named_code import named_by_user
from edgecnn.core.store.runs import lock_beside
from edgecnn.core.store.store import Store
from edgecnn.core.warm import warm_processes
from edgecnn.devices.host import host
from edgecnn.models.registry import find_source
from edgecnn.pipeline.make_targets import make_folder
from edgecnn.pipeline.search import derive
from edgecnn.pipeline.search.halving import COSTS, Halving
from edgecnn.pipeline.search.progress import Deadline, SearchReporter, TimeIsUp
from edgecnn.pipeline.search.result import cheapest, pipeline_text, rank
from edgecnn.pipeline.search.space import space_of
from edgecnn.pipeline.search.trials import Trials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from edgecnn.core.config.pipeline import Pipeline
    from edgecnn.pipeline.search.result import MeasuredCombination
    from edgecnn.pipeline.search.study import Study

JOURNAL = "study.journal"
WINNER = "winner.yaml"


def search_pipeline(
    pipeline: Pipeline,
    directory: Path,
    *,
    storage: str | None,
    minutes: float | None,
    reporter: SearchReporter,
    reports: Callable[[SearchResult], Mapping[str, str]],
) -> SearchResult:
    """Find the cheapest combination that meets the budgets of a pipeline, and write it and the reports.

    Args:
        pipeline: The pipeline.
        directory: Directory of the logs, the winner and the reports.
        storage: See :func:`edgecnn.search`, also for errors; a journal file in the directory where not given.
        minutes: Time after which the search stops.
        reporter: Receives what happens.
        reports: Makes the texts of the reports, by the names of their files.
    """
    started = time.monotonic()
    if minutes is not None and not minutes > 0:
        raise UsageError(f"a time limit of {minutes:g} minutes leaves no time")
    space = space_of(pipeline)
    deadline = Deadline(reporter, None if minutes is None else 60 * minutes)
    trials = Trials(pipeline, space, Store(store_dir()), directory / "logs", deadline)
    name = pipeline.spec.name
    try:
        for folder in (directory, directory / "logs"):
            make_folder(folder)
        trials.store.clear_abandoned()
        finished = True
        reference = pipeline.spec.model.name
        with (
            named_by_user(reference, pipeline.spec.model.network),
            warm_processes(find_source(reference).made_with(reference)),
        ):
            study = _open(trials, storage or str(directory / JOURNAL))
            try:
                Halving(space, study).run()
            except TimeIsUp:
                finished = False
        measured = rank({rung: study.outcomes(rung) for rung in (COSTS, *space.rungs)}, space)
        winner = cheapest(measured)
        result = SearchResult(
            name=name,
            directory=directory,
            finished=finished,
            winner=None if winner is None else winner.trial(),
            pipeline=None if winner is None else directory / WINNER,
            error=_error(name, measured, finished=finished) if winner is None else None,
            space=space,
            combinations=len(space.combinations()),
            trials=tuple(item.trial() for item in measured),
            seconds=round(time.monotonic() - started, 1),
            host=host(),
        )
        with lock_beside(directory):
            write_texts(directory, reports(result))
            _write_winner(winner, trials, directory / WINNER)
    except OSError as error:
        raise machine_fault(error) from error
    return result


def _open(trials: Trials, location: str) -> Study:
    if importlib.util.find_spec("optuna") is None:
        raise MissingDependency(
            "a search needs the package 'optuna', which is not installed",
            hint="pip install 'edgecnn[search]'",
        )
    from edgecnn.pipeline.search.study import open_study

    return open_study(location, trials.pipeline.spec.name, trials.identity(), trials.space, trials.measure)


def _error(name: str, measured: Sequence[MeasuredCombination], *, finished: bool) -> ErrorReport:
    """Return the error that explains why there is no winner."""
    if finished:
        near = f"; the nearest, {measured[0].combination}: {measured[0].verdict()}" if measured else ""
        error = BudgetMissed(
            f"{name}: no combination meets the budgets{near}",
            hint="loosen a budget, or widen search.width, search.input, search.macs or search.quantization",
        )
    else:
        error = BudgetMissed(
            f"{name}: time is up, and none of {len(measured)} combinations meets the budgets yet",
            hint="search again to go on; what is finished is kept",
        )
    return ErrorReport.from_json(error.to_json())


def _write_winner(winner: MeasuredCombination | None, trials: Trials, file: Path) -> None:
    """Write the winner's pipeline, or remove that of an earlier winner."""
    if winner is None or winner.outcome.original is None:
        file.unlink(missing_ok=True)
        return
    floors = trials.floors(winner.outcome.original)
    content = derive.final(trials.pipeline, trials.space, winner.combination, floors)
    write_texts(file.parent, {file.name: pipeline_text(content, trials.pipeline.spec.name, winner)})
