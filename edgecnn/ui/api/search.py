"""Search for the cheapest combination of width, input size, pruning and quantization within budgets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.search.progress import SearchReporter, SilentSearchReporter
from edgecnn.pipeline.search.search import search_pipeline
from edgecnn.ui.report.search import search_reports

if TYPE_CHECKING:
    from edgecnn.core.documents.search import SearchResult

SEARCHES = Path("searches")


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

    The cheapest has the lowest latency as a multiple of the original network's float32 file in the same
    runtime (geometric mean over the targets), and among equals the smallest files. All measurements are kept,
    so a search continues where it was stopped; several processes with the same ``storage`` share the work and
    find the same winner.

    Args:
        pipeline: Name of a built-in pipeline, or path of a YAML file.
        overrides: Dotted overrides such as ``search.width=[0.5, 1.0]``.
        out: Directory of the study, the table, the plot and the winner; by default ``searches/NAME``.
        storage: Optuna's storage: the path of a journal file or a database's URL; by default a file in
            ``out``.
        minutes: Time limit; the next search continues.
        reporter: Receives events.

    Returns:
        The winner and all measurements. If nothing meets the budgets, that is a result, not an exception.

    Raises:
        UsageError: Budgets are missing, the space cannot be searched, or the study belongs to another search.
        InputError: Data, storage or directory cannot be used.
        MissingDependency: Optuna, or a package of a target, is not installed.
        EdgecnnError: The pipeline's own network cannot be made.
    """
    loaded = load_pipeline(pipeline, overrides)
    return search_pipeline(
        loaded,
        out or SEARCHES / loaded.spec.name,
        storage=storage,
        minutes=minutes,
        reporter=reporter or SilentSearchReporter(),
        reports=search_reports,
    )
