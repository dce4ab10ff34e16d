"""Error of every layer of an int8 network in the order of execution; plain SVG."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.proof.diagnosis.result import Diagnosis, LayerDiagnosis

# Told apart by readers with a colour vision deficiency too (Okabe and Ito).
_ACCUMULATED, _ALONE, _EFFECT = "#0072B2", "#E69F00", "#D55E00"
_LABEL, _PLOT, _SHARE, _ROW, _TOP = 300, 360, 160, 16, 72
_NAME_CHARACTERS = 40
_MOST_DB = 60.0


def diagnosis_svg(found: Diagnosis) -> str:
    """Return the chart as an SVG document, a row a layer.

    Two marks a row show dB, 0 to 60 from left to right: the accumulated ratio of the int8 file and the
    ratio of the layer alone. A bar at the right shows the layer's share of the error at the outputs.
    """
    layers = sorted(found.layers, key=lambda layer: layer.position)
    rows = "\n".join(_row(layer, _TOP + _ROW * index) for index, layer in enumerate(layers))
    height, width = _TOP + _ROW * len(layers) + 8, _LABEL + _PLOT + _SHARE + 80
    bottom = height - 8
    lines = "\n".join(
        f'<line x1="{_x(db):.0f}" y1="{_TOP - 8}" x2="{_x(db):.0f}" y2="{bottom}" stroke="#dddddd"/>'
        f'<text x="{_x(db):.0f}" y="{_TOP - 12}" text-anchor="middle">{db:.0f} dB</text>'
        for db in (0.0, 20.0, 40.0, 60.0)
    )
    trace = " ".join(
        f"{_x(layer.accumulated_sqnr_db):.1f},{_TOP + _ROW * index + 8}"
        for index, layer in enumerate(layers)
        if not math.isnan(layer.accumulated_sqnr_db)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="8" y="18" font-size="13">{escape(found.model)}, {found.images} images</text>\n'
        f"{_legend()}\n{lines}\n"
        f'<polyline points="{trace}" fill="none" stroke="{_ACCUMULATED}"/>\n{rows}\n</svg>\n'
    )


def _legend() -> str:
    entries = (
        (_ACCUMULATED, "SQNR of the output in the int8 file"),
        (_ALONE, "of the layer alone"),
        (_EFFECT, "share of the error at the outputs"),
    )
    return "\n".join(
        f'<rect x="{8 + 240 * index}" y="28" width="10" height="10" fill="{color}"/>'
        f'<text x="{23 + 240 * index}" y="37">{label}</text>'
        for index, (color, label) in enumerate(entries)
    )


def _x(db: float) -> float:
    return _LABEL + _PLOT * min(max(db, 0.0), _MOST_DB) / _MOST_DB


def _row(layer: LayerDiagnosis, top: int) -> str:
    name, most = layer.title, _NAME_CHARACTERS
    name = name if len(name) <= most else f"{name[: most - 3]}..."
    text = f'<text x="{_LABEL - 8}" y="{top + 12}" text-anchor="end">{escape(name)}</text>'
    if layer.problem is not None:
        return f'{text}<text x="{_LABEL + 4}" y="{top + 12}">not measured</text>'
    left, width = _LABEL + _PLOT + 20, _SHARE * layer.effect_share
    marks = "".join(
        f'<circle cx="{_x(db):.1f}" cy="{top + 8}" r="4" fill="{color}"/>'
        for db, color in ((layer.accumulated_sqnr_db, _ACCUMULATED), (layer.alone_sqnr_db, _ALONE))
        if not math.isnan(db)
    )
    return (
        f"{text}{marks}"
        f'<rect x="{left}" y="{top + 3}" width="{width:.1f}" height="{_ROW - 5}" fill="{_EFFECT}"/>'
        f'<text x="{left + width + 5:.1f}" y="{top + 12}">{100 * layer.effect_share:.1f} %</text>'
    )
