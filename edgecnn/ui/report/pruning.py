"""Reports on pruning: tables for the terminal and for Markdown, and a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.metric import find_metric
from edgecnn.ui.report.svg import BLUE, GREY, Canvas, shorten

if TYPE_CHECKING:
    from edgecnn.core.documents.pruning import PruningReport, SensitivityCurve, SensitivityCurves

_NETWORKS = {
    "unpruned": "before pruning",
    "pruned": "after pruning",
    "finetuned": "after training on",
    "control": "control: unpruned, trained on as long",
}

_LABEL, _PLOT, _HEIGHT, _GAP, _TOP = 300, 420, 30, 8, 56
_NAME_CHARACTERS = 40


def pruning_table(pruning: PruningReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of the networks at each step."""
    accuracy = pruning.accuracy
    shown = [name for name in _NETWORKS if not accuracy or name in accuracy]
    if not accuracy:
        shown = ["unpruned", "pruned"]
    columns = ("network", "MACs", "of all", "parameters", "of all")
    rows = [(_NETWORKS[name], *_costs(pruning, whole=name in ("unpruned", "control"))) for name in shown]
    if not accuracy:
        return columns, rows
    agreement = pruning.agreement
    measured = [
        (*row, *(f"{100 * values[name]:.2f} %" for values in (accuracy, agreement) if values))
        for name, row in zip(shown, rows, strict=True)
    ]
    names = (find_metric(pruning.metric).label, *(("agreement",) if agreement else ()))
    return (*columns, *names), measured


def _costs(pruning: PruningReport, *, whole: bool) -> tuple[str, ...]:
    cells = []
    for cost in (pruning.macs, pruning.params):
        count = cost.before if whole else cost.after
        cells += [_count(count), f"{100 * count / cost.before:.1f} %"]
    return tuple(cells)


def _count(count: float) -> str:
    """Return a count as text.

    >>> _count(884_704), _count(300_000_000)
    ('885 k', '300 M')
    """
    value, unit = (count / 1e6, "M") if count >= 1e6 else (count / 1e3, "k")
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def pruning_line(pruning: PruningReport) -> str:
    """Return the pruning settings in one line."""
    ((goal, value),) = pruning.goal.items()
    asked = ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else value
    steps = "1 step" if pruning.steps == 1 else f"{pruning.steps} steps"
    return (
        f"Pruned to {goal} {asked} by importance {pruning.importance}, {pruning.scope}, "
        f"in multiples of {pruning.multiple}, in {steps}; trained for {pruning.epochs} epochs."
    )


def groups_table(pruning: PruningReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of the channels of every group of layers, before and after."""
    rows: list[tuple[str, ...]] = [
        (group.name, str(group.before), str(group.after)) for group in pruning.groups
    ]
    return ("layers of", "channels", "kept"), rows


def sensitivity_table(curves: SensitivityCurves) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of accuracy against the pruned share, the most sensitive group first."""
    groups = sorted(curves.groups, key=lambda group: sum(group.accuracy))
    shares = groups[0].shares
    columns = ("layers of", "channels", "none", *(f"-{100 * share:.0f} %" for share in shares))
    whole = f"{100 * curves.whole:.1f} %"
    return columns, [
        (
            group.name,
            str(group.channels),
            whole,
            *(f"{100 * accuracy:.1f} %" for accuracy in group.accuracy),
        )
        for group in groups
    ]


def sensitivity_svg(curves: SensitivityCurves) -> str:
    """Return a chart of the accuracy against the pruned share, one row for each group in the network's order.

    The horizontal axis is the pruned share of the group's channels, 0 to 100 %; in each row the vertical axis
    is the metric, 0 to 100 %. The grey line is the whole network's.
    """
    bottom = _TOP + (_HEIGHT + _GAP) * len(curves.groups)
    title = f"{curves.metric} on {curves.images} training images against the pruned share of one group"
    canvas = Canvas(_LABEL + _PLOT + 80, bottom + 8, title)
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    canvas.grid([(_x(share), f"{100 * share:.0f} %") for share in shares], _TOP - 8, bottom)
    for index, group in enumerate(curves.groups):
        _draw_row(canvas, group, curves.whole, _TOP + (_HEIGHT + _GAP) * index)
    return canvas.svg()


def _draw_row(canvas: Canvas, group: SensitivityCurve, whole: float, top: int) -> None:
    name = shorten(f"{group.name} ({group.channels})", _NAME_CHARACTERS)
    points = [(0.0, whole), *zip(group.shares, group.accuracy, strict=True)]
    places = [(_x(share), _y(accuracy, top)) for share, accuracy in points]
    level = _y(whole, top)
    canvas.text(_LABEL - 8, top + _HEIGHT / 2 + 4, name, "end")
    canvas.line([(_LABEL, level), (_LABEL + _PLOT, level)], GREY)
    canvas.line(places, BLUE)
    for x, y in places:
        canvas.mark(x, y, BLUE, radius=3)
    canvas.text(_LABEL + _PLOT + 6, places[-1][1] + 4, f"{100 * points[-1][1]:.0f} %")


def _x(share: float) -> float:
    return _LABEL + _PLOT * share


def _y(accuracy: float, top: int) -> float:
    return top + _HEIGHT * (1.0 - accuracy)
