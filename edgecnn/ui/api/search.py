"""Search the cheapest combination of width, input size, pruning and quantization that meets budgets."""

from __future__ import annotations

import importlib.util
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from edgecnn.core.config.paths import store_dir
from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.core.store.store import Store
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.runner import environment_fault
from edgecnn.pipeline.search import derive
from edgecnn.pipeline.search.halving import COSTS, Halving
from edgecnn.pipeline.search.progress import Deadline, SearchReporter, SilentSearchReporter, TimeIsUp
from edgecnn.pipeline.search.result import SearchResult, cheapest, pipeline_text, trials_of
from edgecnn.pipeline.search.space import space_of
from edgecnn.pipeline.search.trials import Trials
from edgecnn.ui.report.search import search_markdown
from edgecnn.ui.report.search_plot import pareto_svg

if TYPE_CHECKING:
    from edgecnn.pipeline.search.study import Study

SEARCHES = Path("searches")
JOURNAL = "study.journal"
WINNER = "winner.yaml"


def search(
    pipeline: str,
    overrides: tuple[str, ...] = (),
    *,
    out: Path | None = None,
    storage: str | None = None,
    minutes: float | None = None,
    reporter: SearchReporter | None = None,
) -> SearchResult:
    """Find the cheapest variant of a pipeline's network that meets the budgets of its ``search`` section.

    Cheapest is the lowest latency as a multiple of the original network's float32 file in the same runtime,
    the geometric mean over the targets, then the smallest files. Everything measured is kept, so that a
    search goes on where it was stopped; several processes given the same ``storage`` share the work and come
    to the same winner.

    Args:
        pipeline: Name of a built-in pipeline, or path of a YAML file.
        overrides: Dotted overrides such as ``search.width=[0.5, 1.0]``.
        out: Directory of the study, the table, the plot and the winner; ``searches/NAME`` when not given.
        storage: Optuna's storage, the path of a journal file or a database's URL; a file in ``out`` when not
            given.
        minutes: Time after which the search stops; the next one goes on.
        reporter: Receives what happens.

    Returns:
        The winner and all that was measured. That nothing meets the budgets is a result, not an exception.

    Raises:
        UsageError: Budgets are missing, the space cannot be searched, or the study is another search's.
        InputError: Data, storage or directory cannot be used.
        MissingDependency: Optuna, or what a target needs, is not installed.
        EdgecnnError: The pipeline's own network cannot be made.
    """
    started = time.monotonic()
    if minutes is not None and not minutes > 0:
        raise UsageError(f"a time limit of {minutes:g} minutes leaves no time")
    loaded = load_pipeline(pipeline, overrides)
    space = space_of(loaded)
    directory = out or SEARCHES / loaded.spec.name
    deadline = Deadline(reporter or SilentSearchReporter(), None if minutes is None else 60 * minutes)
    trials = Trials(loaded, space, Store(store_dir()), directory / "logs", deadline)
    try:
        _make(directory)
        study = _open(trials, str(directory / JOURNAL) if storage is None else storage)
        finished = True
        try:
            Halving(space, study).run()
        except TimeIsUp:
            finished = False
        found = trials_of({rung: study.outcomes(rung) for rung in (COSTS, *space.rungs)}, space)
        winner = cheapest(found, space)
        result = SearchResult(
            name=loaded.spec.name,
            directory=directory,
            space=space,
            trials=tuple(found),
            winner=winner,
            pipeline=None if winner is None else directory / WINNER,
            finished=finished,
            seconds=time.monotonic() - started,
        )
        with filelock.FileLock(directory / "logs" / ".lock"):
            _write(result, trials)
    except OSError as error:
        raise environment_fault(error) from error
    return result


def _make(directory: Path) -> None:
    try:
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise InputError(
            f"{directory} cannot be written: {error.strerror}", hint="choose another directory with --out"
        ) from error


def _open(trials: Trials, location: str) -> Study:
    if importlib.util.find_spec("optuna") is None:
        raise MissingDependency(
            "a search needs the package 'optuna', which is not installed",
            hint="pip install 'edgecnn[search]'",
        )
    from edgecnn.pipeline.search.study import open_study

    return open_study(location, trials.pipeline.spec.name, trials.identity(), trials.space, trials.measure)


def _write(result: SearchResult, trials: Trials) -> None:
    """Write ``search.json``, ``search.md``, ``pareto.svg`` and, where there is a winner, its pipeline."""
    document = result.to_json()
    directory = result.directory
    (directory / "search.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (directory / "search.md").write_text(search_markdown(document), encoding="utf-8")
    (directory / "pareto.svg").write_text(pareto_svg(document), encoding="utf-8")
    winner = result.winner
    if winner is None or winner.outcome.original is None or result.pipeline is None:
        (directory / WINNER).unlink(missing_ok=True)
        return
    floors = trials.floors(winner.outcome.original)
    content = derive.final(trials.pipeline, trials.space, winner.combination, floors)
    result.pipeline.write_text(pipeline_text(content, result.name, winner, trials.space), encoding="utf-8")
