"""Plot accuracy and cost of the combinations of a search, with the front of those that nothing else beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.ui.report.svg import BLUE, GREY, RED, SKY, Canvas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.core.documents.search import SearchResult

_FULL, _PART, _WINNER, _LIMIT = BLUE, SKY, RED, GREY
_LEFT, _TOP, _WIDTH, _HEIGHT = 70, 60, 560, 340


@dataclass(frozen=True)
class PlotPoint:
    """One combination: what it costs and loses, both better when less.

    Attributes:
        cost: Latency ratio of the slowest target, or bytes of the largest where none has a latency.
        drop: Loss of the task metric on the worst target, in points.
        in_full: Whether it was trained in full.
        wins: Whether it is the winner.
        name: What it is.
    """

    cost: float
    drop: float
    in_full: bool
    wins: bool
    name: str


def pareto_svg(result: SearchResult) -> str:
    """Return the chart as an SVG document: a mark a trained combination, budgets as lines.

    Filled marks were trained in full, hollow ones for part of the time. The line joins those trained in full
    that no other one beats in both. A mark says what it is when it is pointed at.
    """
    points = list(_points(result))
    limited = any(limits.latency_ratio is not None for limits in result.space.budgets.values())
    with_latency = limited or not _by_size(result)
    axis = "latency ratio, slowest target" if with_latency else "size, largest target"
    title = f"{result.name}: accuracy drop in points against {axis}"
    canvas = Canvas(_LEFT + _WIDTH + 40, _TOP + _HEIGHT + 50, title)
    legend = ((_WINNER, "winner"), (_FULL, "trained in full"), (_PART, "in part"), (_LIMIT, "budget"))
    canvas.legend(legend, step=130, left=_LEFT)
    if points:
        _draw_marks(canvas, points, result, with_latency)
    return canvas.svg()


def _by_size(result: SearchResult) -> bool:
    return all(target.latency is None for trial in result.trials for target in trial.targets.values())


def _points(result: SearchResult) -> Iterator[PlotPoint]:
    by_size = _by_size(result)
    for trial in result.trials:
        targets = trial.targets.values()
        drops = [target.drop for target in targets if target.drop is not None]
        if not targets or len(drops) < len(targets):
            continue
        sizes = [float(target.size_bytes) for target in targets if target.size_bytes is not None]
        ratios = [target.latency.ratio for target in targets if target.latency is not None]
        parts = (trial.width, trial.height, f"{trial.macs:.0%}", trial.quantization)
        yield PlotPoint(
            cost=max(sizes if by_size else ratios),
            drop=100 * max(drops),
            in_full=trial.in_full,
            wins=trial == result.winner,
            name=", ".join(str(part) for part in parts if part is not None),
        )


def pareto_front(points: Sequence[PlotPoint]) -> list[PlotPoint]:
    """Return the points that no other one beats in both, the cheapest first.

    >>> points = [PlotPoint(cost, drop, True, False, "") for cost, drop in ((1, 3), (2, 1), (3, 2))]
    >>> [(point.cost, point.drop) for point in pareto_front(points)]
    [(1, 3), (2, 1)]
    """
    front: list[PlotPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, point.drop)):
        if not front or point.drop < front[-1].drop:
            front.append(point)
    return front


@dataclass(frozen=True)
class _Axis:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: int
    length: int

    @classmethod
    def over(cls, values: Sequence[float], start: int, length: int) -> _Axis:
        margin = 0.08 * (max(values) - min(values)) or 0.1 * abs(max(values)) or 1.0
        return cls(min(values) - margin, max(values) + margin, start, length)

    def at(self, value: float) -> float:
        return self.start + self.length * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        return [self.low + (self.high - self.low) * share for share in (0.1, 0.3, 0.5, 0.7, 0.9)]


def _draw_marks(canvas: Canvas, points: list[PlotPoint], result: SearchResult, with_latency: bool) -> None:
    budgets = result.space.budgets.values()
    drop = 100 * min(limits.accuracy_drop for limits in budgets)
    costs = [limits.latency_ratio if with_latency else limits.size for limits in budgets]
    cost = min((limit for limit in costs if limit is not None), default=None)
    x = _Axis.over([point.cost for point in points] + ([] if cost is None else [cost]), _LEFT, _WIDTH)
    y = _Axis.over([point.drop for point in points] + [drop], _TOP, _HEIGHT)
    write = "{:.2f}".format if with_latency else format_size
    for tick in x.ticks():
        canvas.text(x.at(tick), _TOP + _HEIGHT + 18, write(tick), "middle")
    for tick in y.ticks():
        canvas.text(_LEFT - 8, y.at(tick) + 4, f"{tick:+.1f}", "end")
    canvas.line([(_LEFT, y.at(drop)), (_LEFT + _WIDTH, y.at(drop))], _LIMIT)
    if cost is not None:
        canvas.line([(x.at(cost), _TOP), (x.at(cost), _TOP + _HEIGHT)], _LIMIT)
    front = pareto_front([point for point in points if point.in_full])
    canvas.line([(x.at(point.cost), y.at(point.drop)) for point in front], _FULL)
    for point in points:
        color = _WINNER if point.wins else _FULL if point.in_full else _PART
        hint = f"{point.name}: {point.cost:.4g}, {point.drop:+.2f} points"
        radius = 6 if point.wins else 4
        canvas.mark(
            x.at(point.cost), y.at(point.drop), color, radius=radius, hollow=not point.in_full, hint=hint
        )
