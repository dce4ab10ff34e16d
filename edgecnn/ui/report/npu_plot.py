"""Cycles of every layer on an NPU as a bar chart, coloured by what bounds the layer; plain SVG.

Where the compiler tells no cycles, the bars are multiply-accumulates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.ui.report.svg import BLACK, BLUE, GREY, ORANGE, RED, SKY, Canvas, shorten

if TYPE_CHECKING:
    from edgecnn.core.documents.npu import NpuLayer, NpuReport

COLORS = {"compute": BLUE, "SRAM": SKY, "DRAM": ORANGE, "flash": RED, "cpu": BLACK}
_LABEL, _BAR, _ROW, _TOP = 330, 420, 16, 52
_NAME_CHARACTERS = 44


def npu_svg(report: NpuReport) -> str:
    """Return the chart as an SVG document, one bar a layer in order of execution."""
    timed = report.cycles is not None
    bars_of = [(layer, (layer.cycles or 0) if timed else layer.macs) for layer in report.layers]
    layers = [(layer, cost) for layer, cost in bars_of if cost or not layer.on_npu]
    longest = max((cost for _, cost in layers), default=1) or 1
    height = _TOP + _ROW * len(layers) + 8
    cost = f"{report.cycles} cycles" if timed else f"{sum(layer.macs for layer, _ in bars_of)} MACs"
    title = f"{report.accelerator}: {cost}, estimated by {report.compiler} {report.version}"
    canvas = Canvas(_LABEL + _BAR + 110, height, title)
    legend = [
        (color, "on the CPU" if name == "cpu" else f"bound by {name}") for name, color in COLORS.items()
    ]
    canvas.legend(legend, step=150)
    for index, (layer, amount) in enumerate(layers):
        _draw_bar(canvas, layer, amount, _TOP + _ROW * index, longest)
    return canvas.svg()


def _draw_bar(canvas: Canvas, layer: NpuLayer, cost: int, top: int, longest: int) -> None:
    name = f"{shorten(layer.name, _NAME_CHARACTERS)} ({layer.operator})"
    canvas.text(_LABEL - 6, top + 11, name, "end")
    # A layer on the CPU has no cycles that anyone knows: a mark shows that it is there.
    width = max(2.0, _BAR * cost / longest)
    canvas.bar(_LABEL, top + 2, width, _ROW - 4, COLORS.get(layer.bound, GREY))
    canvas.text(_LABEL + width + 5, top + 11, str(cost) if layer.on_npu else "CPU")
