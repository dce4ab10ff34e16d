"""A search as a table and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.search import SearchedTarget
from edgecnn.ui.report.markdown import table
from edgecnn.ui.report.search_plot import pareto_svg

if TYPE_CHECKING:
    from edgecnn.core.documents.search import SearchResult

COLUMNS = (
    "width",
    "input",
    "MACs",
    "quantization",
    "target",
    "epochs",
    "drop",
    "ratio",
    "size",
    "result",
)


def search_rows(result: SearchResult) -> list[tuple[str, ...]]:
    """Return the cells of every target of every combination."""
    return [
        (
            "" if trial.width is None else f"{trial.width:g}",
            "" if trial.height is None else str(trial.height),
            f"{trial.macs:.0%}",
            trial.quantization,
            name,
            str(trial.epochs),
            "" if target.drop is None else f"{100 * target.drop:+.2f}",
            "" if target.latency is None else f"{target.latency.ratio:.3f}",
            "" if target.size_bytes is None else format_size(target.size_bytes),
            "winner" if trial == result.winner else trial.verdict,
        )
        for trial in result.trials
        for name, target in (trial.targets or {"": SearchedTarget()}).items()
    ]


def summary(result: SearchResult) -> str:
    """Say in a line what a search came to."""
    counts = f"{len(result.trials)} of {result.combinations} combinations measured"
    trained = sum(trial.in_full for trial in result.trials)
    end = "" if result.finished else "; time was up, search again to go on"
    return f"{counts}, {trained} trained in full, {result.seconds:.0f} s{end}"


def search_markdown(result: SearchResult) -> str:
    """Return a search as Markdown: what was asked, the winner, every combination."""
    budgets = "; ".join(
        f"{name}: {', '.join(f'{what} {limit:g}' for what, limit in limits.items())}"
        for name, limits in result.space.to_json()["budgets"].items()
    )
    found = f"Winner: `{result.pipeline}`" if result.error is None else f"No winner: {result.error.message}"
    return (
        f"# Search of {result.name}\n\nBudgets: {budgets}\n\n{found}\n\n{summary(result)}.\n\n"
        f"![Accuracy and cost](pareto.svg)\n\n{table(COLUMNS, search_rows(result))}\n"
    )


def search_reports(result: SearchResult) -> dict[str, str]:
    """Return the texts of ``search.json``, ``search.md`` and ``pareto.svg``."""
    return {
        "search.json": result.model_dump_json(indent=1) + "\n",
        "search.md": search_markdown(result),
        "pareto.svg": pareto_svg(result),
    }
