"""Cycles of every layer on an NPU as a bar chart, coloured by what bounds the layer; plain SVG.

Where the compiler tells no cycles, the bars are multiply-accumulates.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.core.documents.npu import NpuLayer, NpuReport

# Told apart by readers with a colour vision deficiency too (Okabe and Ito).
COLORS = {
    "compute": "#0072B2",
    "SRAM": "#56B4E9",
    "DRAM": "#E69F00",
    "flash": "#D55E00",
    "cpu": "#000000",
}
_LABEL, _BAR, _ROW, _TOP = 330, 420, 16, 52
_NAME_CHARACTERS = 44


def npu_svg(report: NpuReport) -> str:
    """Return the chart as an SVG document, one bar a layer in order of execution."""
    timed = report.cycles is not None
    bars_of = [(layer, (layer.cycles or 0) if timed else layer.macs) for layer in report.layers]
    layers = [(layer, cost) for layer, cost in bars_of if cost or not layer.on_npu]
    longest = max((cost for _, cost in layers), default=1) or 1
    height = _TOP + _ROW * len(layers) + 8
    bars = "\n".join(
        _bar(layer, cost, _TOP + _ROW * index, longest) for index, (layer, cost) in enumerate(layers)
    )
    cost = f"{report.cycles} cycles" if timed else f"{sum(layer.macs for layer, _ in bars_of)} MACs"
    title = f"{report.accelerator}: {cost}, estimated by {report.compiler} {report.version}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _BAR + 110}" height="{height}" '
        f'font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="8" y="18" font-size="13">{escape(title)}</text>\n{_legend()}\n{bars}\n</svg>\n'
    )


def _legend() -> str:
    entries = []
    for index, (name, color) in enumerate(COLORS.items()):
        left = 8 + 150 * index
        label = "on the CPU" if name == "cpu" else f"bound by {name}"
        entries.append(
            f'<rect x="{left}" y="28" width="10" height="10" fill="{color}"/>'
            f'<text x="{left + 15}" y="37">{label}</text>'
        )
    return "\n".join(entries)


def _bar(layer: NpuLayer, cost: int, top: int, longest: int) -> str:
    name = layer.name if len(layer.name) <= _NAME_CHARACTERS else f"{layer.name[: _NAME_CHARACTERS - 3]}..."
    # A layer on the CPU has no cycles that anyone knows: a mark shows that it is there.
    width = max(2.0, _BAR * cost / longest)
    color = COLORS.get(layer.bound, "#999999")
    count = str(cost) if layer.on_npu else "CPU"
    return (
        f'<text x="{_LABEL - 6}" y="{top + 11}" text-anchor="end">{escape(name)} '
        f"({escape(layer.operator)})</text>"
        f'<rect x="{_LABEL}" y="{top + 2}" width="{width:.1f}" height="{_ROW - 4}" fill="{color}"/>'
        f'<text x="{_LABEL + width + 5:.1f}" y="{top + 11}">{count}</text>'
    )
