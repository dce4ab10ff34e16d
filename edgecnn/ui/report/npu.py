"""A network on an NPU for readers: the per-layer table, the layers to change, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.npu import ESTIMATE
from edgecnn.ui.report.markdown import table

if TYPE_CHECKING:
    from edgecnn.core.documents.npu import Estimate, NpuLayer, NpuReport

COLUMNS = ("layer", "operation", "runs on", "cycles", "share", "bound by", "MACs", "MAC units used", "memory")


def headline(report: NpuReport) -> str:
    """Return the network's figures in one line."""
    estimate = partition = report
    left = f" ({', '.join(partition.cpu_operators)})" if partition.cpu_ops else ""
    memories = [
        f"{format_size(size)} {name}"
        for name, size in (
            ("SRAM", estimate.sram_bytes),
            ("DRAM", estimate.dram_bytes),
            ("flash", estimate.flash_bytes),
        )
        if size
    ]
    return (
        f"{estimate.accelerator} ({estimate.configuration}): {partition.npu_coverage:.1%} on the NPU in "
        f"{partition.subgraphs} piece{'s' * (partition.subgraphs != 1)}, {partition.cpu_ops} CPU ops{left}, "
        f"{', '.join([_time(estimate), *memories])}"
    )


def _time(estimate: Estimate) -> str:
    if estimate.cycles is None:
        return "cycles unknown"
    duration = "" if estimate.milliseconds is None else f" = {estimate.milliseconds:.3g} ms"
    return f"{estimate.cycles} cycles{duration}"


def origin(report: NpuReport) -> str:
    """Say what the figures are worth."""
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
    """Return a line for each layer to change first, and why."""
    return [f"{layer.name} ({layer.operator}): {layer.advice()}" for layer in report.costliest()]


def npu_markdown(report: NpuReport) -> str:
    """Return the report as Markdown.

    The plot of :func:`edgecnn.ui.report.npu_plot.npu_svg` is expected beside it, as ``npu.svg``.
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
