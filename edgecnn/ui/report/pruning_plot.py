"""Accuracy of a network against the pruned share of each group of layers, a chart a group; plain SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.core.documents.pruning import SensitivityCurve, SensitivityCurves

# Told apart by readers with a colour vision deficiency too (Okabe and Ito).
_LINE, _WHOLE = "#0072B2", "#999999"
_LABEL, _PLOT, _HEIGHT, _GAP, _TOP = 300, 420, 30, 8, 56
_NAME_CHARACTERS = 40


def sensitivity_svg(curves: SensitivityCurves) -> str:
    """Return the chart as an SVG document, a row a group in the network's order.

    From left to right the share of the group's channels that are pruned, 0 to 100 %; in each row from
    bottom to top the metric, 0 to 100 %. The grey line is the whole network's.
    """
    rows = "\n".join(
        _row(group, curves.whole, _TOP + (_HEIGHT + _GAP) * index)
        for index, group in enumerate(curves.groups)
    )
    bottom = _TOP + (_HEIGHT + _GAP) * len(curves.groups)
    ticks = "\n".join(
        f'<line x1="{_x(share):.0f}" y1="{_TOP - 8}" x2="{_x(share):.0f}" y2="{bottom}" stroke="#dddddd"/>'
        f'<text x="{_x(share):.0f}" y="{_TOP - 12}" text-anchor="middle">{100 * share:.0f} %</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    title = f"{curves.metric} on {curves.images} training images against the pruned share of one group"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _PLOT + 80}" height="{bottom + 8}" '
        f'font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="8" y="18" font-size="13">{escape(title)}</text>\n{ticks}\n{rows}\n</svg>\n'
    )


def _row(group: SensitivityCurve, whole: float, top: int) -> str:
    name, most = f"{group.name} ({group.channels})", _NAME_CHARACTERS
    name = name if len(name) <= most else f"{name[: most - 3]}..."
    points = [(0.0, whole), *zip(group.shares, group.accuracy, strict=True)]
    places = [(_x(share), _y(accuracy, top)) for share, accuracy in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_LINE}"/>' for x, y in places)
    level = _y(whole, top)
    return (
        f'<text x="{_LABEL - 8}" y="{top + _HEIGHT / 2 + 4:.0f}" text-anchor="end">{escape(name)}</text>'
        f'<line x1="{_LABEL}" y1="{level:.1f}" x2="{_LABEL + _PLOT}" y2="{level:.1f}" stroke="{_WHOLE}"/>'
        f'<polyline points="{line}" fill="none" stroke="{_LINE}"/>{marks}'
        f'<text x="{_LABEL + _PLOT + 6}" y="{places[-1][1] + 4:.0f}">{100 * points[-1][1]:.0f} %</text>'
    )


def _x(share: float) -> float:
    return _LABEL + _PLOT * share


def _y(accuracy: float, top: int) -> float:
    return top + _HEIGHT * (1.0 - accuracy)
