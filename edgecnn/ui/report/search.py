"""A search as a table, as Markdown, and as a plot of accuracy and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.search import SearchedTarget
from edgecnn.ui.report.markdown import table
from edgecnn.ui.report.svg import BLUE, GREY, RED, SKY, Canvas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.core.documents.search import SearchResult

COLUMNS = ("width", "input", "MACs", "quantization", "target", "epochs", "drop", "ratio", "size", "result")

_FULL, _PART, _WINNER, _LIMIT = BLUE, SKY, RED, GREY
_LEFT, _TOP, _WIDTH, _HEIGHT = 70, 60, 560, 340


def search_reports(result: SearchResult) -> dict[str, str]:
    """Return the texts of ``search.json``, ``search.md`` and ``pareto.svg``."""
    return {
        "search.json": result.model_dump_json(indent=1) + "\n",
        "search.md": search_markdown(result),
        "pareto.svg": pareto_svg(result),
    }


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
    """Return the result of a search in a line."""
    counts = f"{len(result.trials)} of {result.combinations} combinations measured"
    trained = sum(trial.in_full for trial in result.trials)
    end = "" if result.finished else "; time was up, search again to go on"
    return f"{counts}, {trained} trained in full, {result.seconds:.0f} s{end}"


def search_markdown(result: SearchResult) -> str:
    """Return a search as Markdown: the budgets, the winner, every combination."""
    budgets = "; ".join(
        f"{name}: {', '.join(f'{what} {limit:g}' for what, limit in limits.items())}"
        for name, limits in result.space.to_json()["budgets"].items()
    )
    found = f"Winner: `{result.pipeline}`" if result.error is None else f"No winner: {result.error.message}"
    return (
        f"# Search of {result.name}\n\nBudgets: {budgets}\n\n{found}\n\n{summary(result)}.\n\n"
        f"![Accuracy and cost](pareto.svg)\n\n{table(COLUMNS, search_rows(result))}\n"
    )


class PlotPoint(NamedTuple):
    """One combination in the plot; low is better in both directions."""

    cost: float
    """Latency ratio of the slowest target, or size of the largest if there are no latencies."""

    drop: float
    """Loss of the task metric on the worst target, in points."""

    in_full: bool
    """Whether it was trained in full."""

    wins: bool
    """Whether it is the winner."""

    name: str


def pareto_svg(result: SearchResult) -> str:
    """Return the plot as an SVG document: a mark for each trained combination, budgets as lines.

    Filled marks were trained in full, hollow ones partly. The line joins the fully trained ones that no other
    one beats in both directions. A tooltip shows the name of a mark.
    """
    with_latency = any(limits.latency_ratio is not None for limits in result.space.budgets.values()) or any(
        target.latency is not None for trial in result.trials for target in trial.targets.values()
    )
    axis = "latency ratio, slowest target" if with_latency else "size, largest target"
    title = f"{result.name}: accuracy drop in points against {axis}"
    canvas = Canvas(_LEFT + _WIDTH + 40, _TOP + _HEIGHT + 50, title)
    legend = ((_WINNER, "winner"), (_FULL, "trained in full"), (_PART, "in part"), (_LIMIT, "budget"))
    canvas.legend(legend, step=130, left=_LEFT)
    points = list(_points(result, with_latency))
    if points:
        _draw_marks(canvas, points, result, with_latency)
    return canvas.svg()


def _points(result: SearchResult, with_latency: bool) -> Iterator[PlotPoint]:
    for trial in result.trials:
        targets = trial.targets.values()
        drops = [target.drop for target in targets if target.drop is not None]
        if not targets or len(drops) < len(targets):
            continue
        ratios = [target.latency.ratio for target in targets if target.latency is not None]
        costs = ratios if with_latency else [target.size_bytes or 0 for target in targets]
        parts = (trial.width, trial.height, f"{trial.macs:.0%}", trial.quantization)
        name = ", ".join(str(part) for part in parts if part is not None)
        yield PlotPoint(max(costs), 100 * max(drops), trial.in_full, trial == result.winner, name)


def pareto_front(points: Sequence[PlotPoint]) -> list[PlotPoint]:
    """Return the points that no other point beats in both directions, the cheapest first.

    >>> points = [PlotPoint(cost, drop, True, False, "") for cost, drop in ((1, 3), (2, 1), (3, 2))]
    >>> [(point.cost, point.drop) for point in pareto_front(points)]
    [(1, 3), (2, 1)]
    """
    front: list[PlotPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, point.drop)):
        if not front or point.drop < front[-1].drop:
            front.append(point)
    return front


class _Axis:
    """A linear scale from values to pixels, with a margin around the values."""

    def __init__(self, values: Sequence[float], start: int, length: int) -> None:
        margin = 0.08 * (max(values) - min(values)) or 0.1 * abs(max(values)) or 1.0
        self._low, self._high = min(values) - margin, max(values) + margin
        self._start, self._length = start, length

    def at(self, value: float) -> float:
        return self._start + self._length * (value - self._low) / (self._high - self._low)

    def ticks(self) -> list[float]:
        return [self._low + (self._high - self._low) * share for share in (0.1, 0.3, 0.5, 0.7, 0.9)]


def _draw_marks(canvas: Canvas, points: list[PlotPoint], result: SearchResult, with_latency: bool) -> None:
    budgets = result.space.budgets.values()
    drop = 100 * min(limits.accuracy_drop for limits in budgets)
    limits = [budget.latency_ratio if with_latency else budget.size for budget in budgets]
    costs = [limit for limit in limits if limit is not None]
    x = _Axis([point.cost for point in points] + ([min(costs)] if costs else []), _LEFT, _WIDTH)
    y = _Axis([point.drop for point in points] + [drop], _TOP, _HEIGHT)
    write = "{:.2f}".format if with_latency else format_size
    for tick in x.ticks():
        canvas.text(x.at(tick), _TOP + _HEIGHT + 18, write(tick), "middle")
    for tick in y.ticks():
        canvas.text(_LEFT - 8, y.at(tick) + 4, f"{tick:+.1f}", "end")
    canvas.line([(_LEFT, y.at(drop)), (_LEFT + _WIDTH, y.at(drop))], _LIMIT)
    if costs:
        canvas.line([(x.at(min(costs)), _TOP), (x.at(min(costs)), _TOP + _HEIGHT)], _LIMIT)
    front = pareto_front([point for point in points if point.in_full])
    canvas.line([(x.at(point.cost), y.at(point.drop)) for point in front], _FULL)
    for point in points:
        color = _WINNER if point.wins else _FULL if point.in_full else _PART
        hint = f"{point.name}: {point.cost:.4g}, {point.drop:+.2f} points"
        place = x.at(point.cost), y.at(point.drop)
        canvas.mark(*place, color, radius=6 if point.wins else 4, hollow=not point.in_full, hint=hint)
