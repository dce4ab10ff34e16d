"""Error of every layer of an int8 network in the order of execution; plain SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.ui.report.svg import BLUE, ORANGE, RED, Canvas, shorten

if TYPE_CHECKING:
    from edgecnn.core.documents.diagnosis import Diagnosis, LayerDiagnosis

_ACCUMULATED, _ALONE, _EFFECT = BLUE, ORANGE, RED
_LABEL, _PLOT, _SHARE, _ROW, _TOP = 300, 360, 160, 16, 72
_NAME_CHARACTERS = 40
_MOST_DB = 60.0


def diagnosis_svg(found: Diagnosis) -> str:
    """Return the chart as an SVG document, a row a layer.

    Two marks a row show dB, 0 to 60 from left to right: the accumulated ratio of the int8 file and the
    ratio of the layer alone. A bar at the right shows the layer's share of the error at the outputs.
    """
    layers = sorted(found.layers, key=lambda layer: layer.position)
    bottom = _TOP + _ROW * len(layers)
    canvas = Canvas(_LABEL + _PLOT + _SHARE + 80, bottom + 8, f"{found.model}, {found.images} images")
    legend = (
        (_ACCUMULATED, "SQNR of the output in the int8 file"),
        (_ALONE, "of the layer alone"),
        (_EFFECT, "share of the error at the outputs"),
    )
    canvas.legend(legend, step=240)
    canvas.grid([(_x(db), f"{db:.0f} dB") for db in (0.0, 20.0, 40.0, 60.0)], _TOP - 8, bottom)
    trace = [
        (_x(layer.accumulated_sqnr_db), _TOP + _ROW * index + 8)
        for index, layer in enumerate(layers)
        if not math.isnan(layer.accumulated_sqnr_db)
    ]
    canvas.line(trace, _ACCUMULATED)
    for index, layer in enumerate(layers):
        _draw_row(canvas, layer, _TOP + _ROW * index)
    return canvas.svg()


def _x(db: float) -> float:
    return _LABEL + _PLOT * min(max(db, 0.0), _MOST_DB) / _MOST_DB


def _draw_row(canvas: Canvas, layer: LayerDiagnosis, top: int) -> None:
    canvas.text(_LABEL - 8, top + 12, shorten(layer.title, _NAME_CHARACTERS), "end")
    if layer.problem is not None:
        canvas.text(_LABEL + 4, top + 12, "not measured")
        return
    for db, color in ((layer.accumulated_sqnr_db, _ACCUMULATED), (layer.alone_sqnr_db, _ALONE)):
        if not math.isnan(db):
            canvas.mark(_x(db), top + 8, color)
    left, width = _LABEL + _PLOT + 20, _SHARE * layer.effect_share
    canvas.bar(left, top + 3, width, _ROW - 5, _EFFECT)
    canvas.text(left + width + 5, top + 12, f"{100 * layer.effect_share:.1f} %")
