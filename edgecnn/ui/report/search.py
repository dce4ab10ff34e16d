"""A search as a table and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.config.quantities import format_size
from edgecnn.ui.report.markdown import table

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_NOTHING: dict[str, Any] = {"drop": None, "latency": None, "size_bytes": None}


def search_rows(trials: Sequence[dict[str, Any]], winner: dict[str, Any] | None) -> list[tuple[str, ...]]:
    """Return the cells of every target of every combination, from their plain data."""
    return [
        (
            "" if trial["width"] is None else f"{trial['width']:g}",
            "" if trial["height"] is None else str(trial["height"]),
            f"{trial['macs']:.0%}",
            str(trial["quantization"]),
            name,
            str(trial["epochs"]),
            "" if target["drop"] is None else f"{100 * target['drop']:+.2f}",
            "" if target["latency"] is None else f"{target['latency']['ratio']:.3f}",
            "" if target["size_bytes"] is None else format_size(target["size_bytes"]),
            "winner" if trial == winner else str(trial["verdict"]),
        )
        for trial in trials
        for name, target in (trial["targets"] or {"": _NOTHING}).items()
    ]


def summary(document: dict[str, Any]) -> str:
    """Say in a line what a search came to."""
    counts = f"{len(document['trials'])} of {document['combinations']} combinations measured"
    trained = sum(trial["in_full"] for trial in document["trials"])
    end = "" if document["finished"] else "; time was up, search again to go on"
    return f"{counts}, {trained} trained in full, {document['seconds']:.0f} s{end}"


def search_markdown(document: dict[str, Any]) -> str:
    """Return a search as Markdown: what was asked, the winner, every combination."""
    budgets = "; ".join(
        f"{name}: {', '.join(f'{what} {limit:g}' for what, limit in limits.items())}"
        for name, limits in document["space"]["budgets"].items()
    )
    rows = search_rows(document["trials"], document["winner"])
    error = document["error"]
    found = f"Winner: `{document['pipeline']}`" if error is None else f"No winner: {error['message']}"
    return (
        f"# Search of {document['name']}\n\nBudgets: {budgets}\n\n{found}\n\n{summary(document)}.\n\n"
        f"![Accuracy and cost](pareto.svg)\n\n{table(COLUMNS, rows)}\n"
    )
