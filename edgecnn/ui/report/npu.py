"""Reports on a network for an NPU: a table of its layers, the layers to change, and a chart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.npu import ESTIMATE
from edgecnn.core.files import write_texts
from edgecnn.ui.report.markdown import table
from edgecnn.ui.report.svg import BLACK, BLUE, GREY, ORANGE, RED, SKY, Canvas, shorten

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.npu import Estimate, NpuLayer, NpuReport

COLUMNS = ("layer", "operation", "runs on", "cycles", "share", "bound by", "MACs", "MAC units used", "memory")

COLORS = {"compute": BLUE, "SRAM": SKY, "DRAM": ORANGE, "flash": RED, "cpu": BLACK}
_LABEL, _BAR, _ROW, _TOP = 330, 420, 16, 52
_NAME_CHARACTERS = 44


def headline(report: NpuReport) -> str:
    """Return the network's figures in one line."""
    left = f" ({', '.join(report.cpu_operators)})" if report.cpu_ops else ""
    memories = [
        f"{format_size(size)} {name}"
        for name, size in (
            ("SRAM", report.sram_bytes),
            ("DRAM", report.dram_bytes),
            ("flash", report.flash_bytes),
        )
        if size
    ]
    return (
        f"{report.accelerator} ({report.configuration}): {report.npu_coverage:.1%} on the NPU in "
        f"{report.subgraphs} piece{'s' * (report.subgraphs != 1)}, {report.cpu_ops} CPU ops{left}, "
        f"{', '.join([_time(report), *memories])}"
    )


def _time(estimate: Estimate) -> str:
    if estimate.cycles is None:
        return "cycles unknown"
    duration = "" if estimate.milliseconds is None else f" = {estimate.milliseconds:.3g} ms"
    return f"{estimate.cycles} cycles{duration}"


def origin(report: NpuReport) -> str:
    """Return the sentence about the origin of the figures."""
    return f"Cycles and memory: {ESTIMATE} ({report.compiler} {report.version})."


def layer_rows(report: NpuReport) -> list[tuple[str, ...]]:
    """Return the cells of every layer, in the order of :data:`COLUMNS`."""
    return [_row(layer, report.cycles) for layer in report.layers]


def _row(layer: NpuLayer, total: int | None) -> tuple[str, ...]:
    used = layer.utilization if layer.macs else None
    return (
        layer.name,
        layer.operator,
        "NPU" if layer.on_npu else "CPU",
        "-" if layer.cycles is None else str(layer.cycles),
        "-" if layer.cycles is None or not total else f"{100 * layer.cycles / total:.1f} %",
        layer.bound,
        str(layer.macs),
        "-" if used is None else f"{100 * used:.0f} %",
        "-" if layer.memory_bytes is None else format_size(layer.memory_bytes),
    )


def change_lines(report: NpuReport) -> list[str]:
    """Return a line for each layer to change first, with the reason."""
    return [f"{layer.name} ({layer.operator}): {layer.advice()}" for layer in report.costliest()]


def write_npu_report(report: NpuReport, target: str | None, folder: Path) -> None:
    """Write ``npu.json``, ``npu.md`` and ``npu.svg`` into a folder.

    Args:
        report: The compiler's report.
        target: Name of the target; None for a file outside an artifact.
        folder: The folder, which is created if it is missing.

    Raises:
        InputError: The folder cannot be written.
    """
    document = report.to_json() | ({} if target is None else {"target": target})
    texts = {
        "npu.json": json.dumps(document, indent=1) + "\n",
        "npu.md": npu_markdown(report),
        "npu.svg": npu_svg(report),
    }
    write_texts(folder, texts)


def npu_markdown(report: NpuReport) -> str:
    """Return the report as Markdown.

    It refers to the plot of :func:`npu_svg` as ``npu.svg``.
    """
    changes = "\n".join(f"{number}. {line}" for number, line in enumerate(change_lines(report), start=1))
    sections = [
        "# On the NPU",
        headline(report),
        origin(report),
        "![Cycles of every layer](npu.svg)",
        f"## Change first\n\n{changes}",
        "## Layers\n\n" + table(COLUMNS, layer_rows(report)),
    ]
    return "\n\n".join(sections) + "\n"


def npu_svg(report: NpuReport) -> str:
    """Return a bar chart of the cycles of every layer in order of execution, coloured by its bottleneck.

    If the compiler reports no cycles, the bars are multiply-accumulates.
    """
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
    # A layer on the CPU has no known cycles, so a mark shows it.
    width = max(2.0, _BAR * cost / longest)
    canvas.bar(_LABEL, top + 2, width, _ROW - 4, COLORS.get(layer.bound, GREY))
    canvas.text(_LABEL + width + 5, top + 11, str(cost) if layer.on_npu else "CPU")
