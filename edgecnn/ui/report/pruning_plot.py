"""Accuracy of a network against the pruned share of each group of layers, a chart a group; plain SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.ui.report.svg import BLUE, GREY, Canvas, shorten

if TYPE_CHECKING:
    from edgecnn.core.documents.pruning import SensitivityCurve, SensitivityCurves

_LINE, _WHOLE = BLUE, GREY
_LABEL, _PLOT, _HEIGHT, _GAP, _TOP = 300, 420, 30, 8, 56
_NAME_CHARACTERS = 40


def sensitivity_svg(curves: SensitivityCurves) -> str:
    """Return the chart as an SVG document, a row a group in the network's order.

    From left to right the share of the group's channels that are pruned, 0 to 100 %; in each row from
    bottom to top the metric, 0 to 100 %. The grey line is the whole network's.
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
    canvas.line([(_LABEL, level), (_LABEL + _PLOT, level)], _WHOLE)
    canvas.line(places, _LINE)
    for x, y in places:
        canvas.mark(x, y, _LINE, radius=3)
    canvas.text(_LABEL + _PLOT + 6, places[-1][1] + 4, f"{100 * points[-1][1]:.0f} %")


def _x(share: float) -> float:
    return _LABEL + _PLOT * share


def _y(accuracy: float, top: int) -> float:
    return top + _HEIGHT * (1.0 - accuracy)
