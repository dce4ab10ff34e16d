"""A diagnosis for readers: the ranked table, what to change, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from edgecnn.core.documents.diagnosis import AMPLE_DB, decibels
from edgecnn.ui.report.markdown import table

if TYPE_CHECKING:
    from edgecnn.core.documents.diagnosis import Diagnosis, LayerDiagnosis

COLUMNS = (
    "layer",
    "operation",
    "share of error",
    "effect",
    "agreement",
    "alone",
    "accumulated",
    "kernel gap",
    "clipped",
    "suspected cause",
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
    """Return the change to make first, as YAML for a pipeline; None where nothing is to be mended."""
    first = found.worst_layer or next((layer for layer in found.layers if layer.fix), None)
    if first is None or not first.fix or found.whole.sqnr_db >= AMPLE_DB:
        return None
    change = {"targets": {found.target or f"{found.format}-int8": first.fix}}
    return str(yaml.safe_dump(change, sort_keys=False))


def whole_line(found: Diagnosis) -> str:
    """Return what the whole int8 file answers, in one line."""
    whole = found.whole
    parts = [
        f"{decibels(whole.sqnr_db)} in shipping",
        f"{decibels(whole.reference_sqnr_db)} in reference execution",
    ]
    if whole.agreement is not None:
        parts.append(f"agreement {100 * whole.agreement:.1f} %")
    if whole.top1 is not None and whole.float_top1 is not None:
        parts.append(f"top-1 {100 * whole.top1:.1f} % (float: {100 * whole.float_top1:.1f} %)")
    if whole.agreement is not None:
        parts += [f"{100 * whole.tied:.1f} % tied", f"{100 * whole.clipped:.1f} % clipped"]
    return f"{found.images} images: {', '.join(parts)}; {found.kernels}"


def diagnosis_markdown(found: Diagnosis) -> str:
    """Return the diagnosis as Markdown.

    The plot of :func:`edgecnn.ui.report.diagnosis_plot.diagnosis_svg` is expected beside it, as
    ``diagnosis.svg``.
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
    """Return the paragraph about channels that hold one value on all images, if there are any."""
    rows = [
        (layer.title, str(len(layer.channels.dead)), ", ".join(map(str, layer.channels.dead[:20])))
        for layer in sorted(found.layers, key=lambda layer: layer.position)
        if layer.channels is not None and layer.channels.dead
    ]
    return ["## Dead channels\n\n" + table(("layer", "count", "channels"), rows)] if rows else []
