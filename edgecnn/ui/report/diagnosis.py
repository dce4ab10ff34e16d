"""Reports on a diagnosis: the ranked table, the first change to make, and a chart."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import yaml

from edgecnn.core.documents.diagnosis import AMPLE_DB, decibels
from edgecnn.core.files import write_texts
from edgecnn.ui.report.markdown import table
from edgecnn.ui.report.svg import BLUE, ORANGE, RED, Canvas, shorten

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.diagnosis import Diagnosis, LayerDiagnosis

_ACCUMULATED, _ALONE, _EFFECT = BLUE, ORANGE, RED
_LABEL, _PLOT, _SHARE, _LINE, _TOP = 300, 360, 160, 16, 72
_NAME_CHARACTERS = 40
_MOST_DB = 60.0

COLUMNS = (
    *("layer", "operation", "share of error", "effect", "agreement", "alone", "accumulated"),
    *("kernel gap", "clipped", "suspected cause"),
)

LEGEND = (
    "share of error: of what all layers, each alone in int8, do to the outputs. effect, agreement: of the "
    "outputs when this layer alone is int8. alone: of the layer's own output then. accumulated: of its "
    "output in the int8 file. kernel gap: what the shipping kernel loses to the reference. "
    "clipped: values beyond the range."
)


def layer_rows(found: Diagnosis, count: int | None = None) -> list[tuple[str, ...]]:
    """Return the cells of the ``count`` worst layers, in the order of :data:`COLUMNS`."""
    return [_row(layer) for layer in found.layers[:count]]


def _row(layer: LayerDiagnosis) -> tuple[str, ...]:
    if layer.problem is not None:
        return (layer.title, layer.operation, *["-"] * 7, f"not measured: {layer.problem}")
    return (
        layer.title,
        layer.operation,
        f"{100 * layer.effect_share:.1f} %",
        decibels(layer.effect_sqnr_db),
        "-" if layer.agreement is None else f"{100 * layer.agreement:.1f} %",
        decibels(layer.alone_sqnr_db),
        decibels(layer.accumulated_sqnr_db),
        f"{layer.kernel_gap_db:.1f} dB",
        "-" if layer.range is None else f"{100 * layer.range.clipped:.2g} %",
        layer.cause or "-",
    )


def snippet(found: Diagnosis) -> str | None:
    """Return the first change to make, as YAML for a pipeline; None if there is none."""
    first = found.worst_layer or next((layer for layer in found.layers if layer.fix), None)
    if first is None or not first.fix or found.whole.sqnr_db >= AMPLE_DB:
        return None
    change = {"targets": {found.target or f"{found.format}-int8": first.fix}}
    return str(yaml.safe_dump(change, sort_keys=False))


def whole_line(found: Diagnosis) -> str:
    """Return the quality of the whole int8 file in one line."""
    whole = found.whole
    parts = [
        f"{decibels(whole.sqnr_db)} in shipping",
        f"{decibels(whole.reference_sqnr_db)} in reference execution",
    ]
    if whole.agreement is not None:
        parts.append(f"agreement {100 * whole.agreement:.1f} %")
    if whole.top1 is not None and whole.float_top1 is not None:
        parts.append(f"right class {100 * whole.top1:.1f} % (float: {100 * whole.float_top1:.1f} %)")
    if whole.agreement is not None:
        parts += [f"{100 * whole.tied:.1f} % tied", f"{100 * whole.clipped:.1f} % clipped"]
    return f"{found.images} images: {', '.join(parts)}; {found.kernels}"


def write_diagnosis(found: Diagnosis, folder: Path) -> None:
    """Write ``diagnosis.json``, ``diagnosis.md`` and ``diagnosis.svg`` into a folder.

    Raises:
        InputError: The folder cannot be written.
    """
    texts = {
        "diagnosis.json": json.dumps(found.to_json(), indent=1, allow_nan=False) + "\n",
        "diagnosis.md": diagnosis_markdown(found),
        "diagnosis.svg": diagnosis_svg(found),
    }
    write_texts(folder, texts)


def diagnosis_markdown(found: Diagnosis) -> str:
    """Return the diagnosis as Markdown.

    It refers to the plot of :func:`diagnosis_svg` as ``diagnosis.svg``.
    """
    change = snippet(found)
    sections = [
        "# Diagnosis",
        f"{found.headline[0].upper()}{found.headline[1:]}.",
        whole_line(found),
        *([f"## Change first\n\n```yaml\n{change}```"] if change else []),
        "![Error of every layer](diagnosis.svg)",
        "## Layers\n\n" + table(COLUMNS, layer_rows(found)),
        LEGEND,
        *_dead(found),
    ]
    return "\n\n".join(sections) + "\n"


def _dead(found: Diagnosis) -> list[str]:
    """Return the paragraph about channels with the same value on all images, if there are any."""
    rows = [
        (layer.title, str(len(layer.channels.dead)), ", ".join(map(str, layer.channels.dead[:20])))
        for layer in sorted(found.layers, key=lambda layer: layer.position)
        if layer.channels is not None and layer.channels.dead
    ]
    return ["## Dead channels\n\n" + table(("layer", "count", "channels"), rows)] if rows else []


def diagnosis_svg(found: Diagnosis) -> str:
    """Return a chart of the error of every layer in the order of execution, one row each.

    Two marks per row show 0 to 60 dB from left to right: the accumulated SQNR of the int8 file and the SQNR
    of the layer alone. A bar at the right shows the layer's share of the error at the outputs.
    """
    layers = sorted(found.layers, key=lambda layer: layer.position)
    bottom = _TOP + _LINE * len(layers)
    canvas = Canvas(_LABEL + _PLOT + _SHARE + 80, bottom + 8, f"{found.model}, {found.images} images")
    legend = (
        (_ACCUMULATED, "SQNR of the output in the int8 file"),
        (_ALONE, "of the layer alone"),
        (_EFFECT, "share of the error at the outputs"),
    )
    canvas.legend(legend, step=240)
    canvas.grid([(_x(db), f"{db:.0f} dB") for db in (0.0, 20.0, 40.0, 60.0)], _TOP - 8, bottom)
    trace = [
        (_x(layer.accumulated_sqnr_db), _TOP + _LINE * index + 8)
        for index, layer in enumerate(layers)
        if not math.isnan(layer.accumulated_sqnr_db)
    ]
    canvas.line(trace, _ACCUMULATED)
    for index, layer in enumerate(layers):
        _draw_row(canvas, layer, _TOP + _LINE * index)
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
    canvas.bar(left, top + 3, width, _LINE - 5, _EFFECT)
    canvas.text(left + width + 5, top + 12, f"{100 * layer.effect_share:.1f} %")
