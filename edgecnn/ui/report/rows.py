"""A target as a row of cells, for the terminal, Markdown and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.run import MadeTarget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.accuracy import TaskMetrics
    from edgecnn.core.documents.link import Link
    from edgecnn.core.documents.run import TargetSummary

_FILE = ("target", "precision", "size")
_OUTPUTS = ("drop", "agreement", "SQNR", "latency", "ratio")
_NPU = ("on NPU", "cycles", "SRAM")
_RESULT = ("result",)


def target_table(targets: Sequence[TargetSummary]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and each target's cells, from a run's summary.

    If a target has an NPU or an arena, there are columns for its expected costs.
    """
    with_npu = any(target.npu is not None or target.arena for target in _made(targets))
    columns = (*_FILE, *metric_columns(targets), *_OUTPUTS, *(_NPU if with_npu else ()), *_RESULT)
    return columns, [_row(target, columns) for target in targets]


def row_in_words(target: TargetSummary) -> str:
    """Return the cells of a target in one line, each with the name of its column."""
    columns, (cells,) = target_table([target])
    named = zip(columns[1:-1], cells[1:-1], strict=True)
    figures = ", ".join(f"{column} {cell}" for column, cell in named if cell)
    return f"{target.target} {cells[-1]}{': ' if figures else ''}{figures}"


def metric_columns(targets: Sequence[TargetSummary]) -> tuple[str, ...]:
    """Return the names of the task's metrics in tables; none if nothing was measured on labelled images."""
    metrics = [target.metrics for target in _made(targets) if target.metrics is not None]
    names = {find_metric(found.metric).label for found in metrics}
    names |= {find_metric(name).title for found in metrics for name in found.besides} - {""}
    return tuple(sorted(names, reverse=True))


def worth(targets: Sequence[TargetSummary]) -> list[str]:
    """Return a note for each target whose figures do not come from its own hardware."""
    made = _made(targets)
    simulated = [_worth(target) for target in made if target.simulated_by]
    return simulated + [f"{item.target}: {item.isa_note}" for item in made if item.isa_note]


def warned(targets: Sequence[TargetSummary]) -> list[str]:
    """Return a line for each warning about a target's answers."""
    return [f"warning: {item.target} {text}" for item in _made(targets) for text in item.warnings]


def _made(targets: Sequence[TargetSummary]) -> list[MadeTarget]:
    """Return the targets whose files were made."""
    return [target for target in targets if isinstance(target, MadeTarget)]


def _worth(target: MadeTarget) -> str:
    npu = target.npu
    outputs = f"{target.target}: outputs are simulated by {target.simulated_by}"
    if npu is None:
        return f"{outputs}; no silicon was involved"
    return f"{outputs}, the NPU's figures are {npu.figures} ({npu.compiler} {npu.version})"


def climbed(targets: Sequence[TargetSummary]) -> list[MadeTarget]:
    """Return the targets whose first quantization was not enough."""
    return [target for target in _made(targets) if len(target.ladder) > 1]


def ladder_table(target: MadeTarget) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of the results of every rung of a target's recovery.

    ``control`` is the metric of fp32 PyTorch after as many steps of float training as ``qat`` had.
    """
    metric = next(iter(metric_columns([target])), "metric")
    columns = ("rung", metric, "drop", "agreement", "SQNR", "seconds", "control", "accuracy budget")
    rows: list[tuple[str, ...]] = [
        (
            rung.rung,
            _percent(rung.value),
            "" if rung.drop is None else f"{100 * rung.drop:+.2f}",
            _percent(rung.agreement),
            "" if rung.sqnr_db is None else f"{rung.sqnr_db:.1f} dB",
            f"{rung.seconds:.0f}",
            _percent(rung.control),
            "met" if rung.met else rung.note or "missed",
        )
        for rung in target.ladder
    ]
    return columns, rows


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def verdict(target: TargetSummary) -> str:
    """Return in a word whether a target ships."""
    if target.ships:
        return "ships"
    code = None if target.error is None else target.error.exit_code
    return {3: "over budget", 4: "not verified"}.get(code or 0, "failed")


def _row(target: TargetSummary, columns: Sequence[str]) -> tuple[str, ...]:
    measured = _measured(target) if isinstance(target, MadeTarget) else {}
    result = f"{verdict(target)}, with a warning" if warned([target]) else verdict(target)
    cells = {"target": target.target, "result": result, **measured}
    return tuple(cells.get(column, "") for column in columns)


def _measured(target: MadeTarget) -> dict[str, str]:
    """Return the cells of the measurements, by column."""
    metrics, latency = target.metrics, target.latency
    cells = {
        "precision": target.precision,
        "size": format_size(target.size_bytes),
        "SQNR": _sqnr(target.verification),
    }
    if metrics is not None:
        cells[find_metric(metrics.metric).label] = f"{100 * metrics.value:.2f} %"
        for name, value in metrics.besides.items():
            if find_metric(name).title:
                cells[find_metric(name).title] = f"{100 * value:.2f} %"
        cells["drop"] = _drop(metrics)
        cells["agreement"] = f"{100 * metrics.agreement:.1f} %"
    if latency is not None:
        cells["latency"] = f"{latency.candidate.p50_ns / 1e6:.3g} ms"
        cells["ratio"] = f"{latency.ratio:.2f}"
    return cells | _expected(target)


def _expected(target: MadeTarget) -> dict[str, str]:
    npu = target.npu
    if target.arena:
        return {"SRAM": f"{format_size(target.arena)} arena"}
    if npu is None:
        return {}
    cells = {"on NPU": f"{100 * npu.npu_coverage:.1f} %"}
    if npu.cycles is not None:
        cells["cycles"] = str(npu.cycles)
    if npu.sram_bytes is not None:
        cells["SRAM"] = format_size(npu.sram_bytes)
    return cells


def _drop(metrics: TaskMetrics) -> str:
    low, high = (100 * value for value in metrics.drop_interval)
    return f"{100 * metrics.drop:+.2f} [{low:+.2f}, {high:+.2f}]"


def _sqnr(links: Sequence[Link]) -> str:
    """Return the SQNR of the shipping file against the float file, or of a float file against PyTorch."""
    for link in reversed(links):
        if "shipping_sqnr_db" in link.metrics:
            return f"{link.metrics['shipping_sqnr_db']:.1f} dB"
    return f"{links[0].metrics['sqnr_db']:.0f} dB"
