"""A target as a row of cells: the same in the terminal, in Markdown and in benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.metric import find_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = ("target", "precision", "size")
_OUTPUTS = ("drop", "agreement", "SQNR", "latency", "ratio")
_NPU = ("on NPU", "cycles", "SRAM")
_RESULT = ("result",)


def target_table(targets: Sequence[dict[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and each target's cells, from their plain data in a run's summary.

    What an NPU is expected to cost has columns where one of the targets has an NPU or an arena.
    """
    with_npu = any(target.get("npu") or _arena(target) for target in targets)
    columns = (*_FILE, *_metric_columns(targets), *_OUTPUTS, *(_NPU if with_npu else ()), *_RESULT)
    return columns, [_row(target, columns) for target in targets]


def _metric_columns(targets: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return the columns of what the targets were measured by."""
    metrics = [target["metrics"] for target in targets if target.get("metrics")]
    names = {find_metric(found["metric"]).label for found in metrics}
    names |= {find_metric(name).title for found in metrics for name in found} - {""}
    return tuple(sorted(names, reverse=True)) or (find_metric("top1").label,)


def worth(targets: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each target whose figures do not come from its own hardware, saying what they are.

    >>> worth([{"target": "micro", "simulated_by": "tflite-micro", "npu": {}}])
    ['micro: outputs are simulated by tflite-micro; no silicon was involved']
    """
    simulated = [_worth(target) for target in targets if target.get("simulated_by")]
    return simulated + [f"{item['target']}: {item['isa_note']}" for item in targets if item.get("isa_note")]


def _worth(target: dict[str, Any]) -> str:
    npu = target["npu"]
    outputs = f"{target['target']}: outputs are simulated by {target['simulated_by']}"
    if not npu:
        return f"{outputs}; no silicon was involved"
    return f"{outputs}, the NPU's figures are {npu['figures']} ({npu['compiler']} {npu['version']})"


def climbed(targets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the targets whose first quantization was not enough."""
    return [target for target in targets if len(target.get("ladder", ())) > 1]


def ladder_table(target: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of what every rung of a target's recovery came to.

    ``control`` is the metric of fp32 PyTorch after as many steps of float training as ``qat`` had.
    """
    (metric, *_) = _metric_columns([target])
    columns = ("rung", metric, "drop", "agreement", "SQNR", "seconds", "control", "accuracy budget")
    rows: list[tuple[str, ...]] = [
        (
            str(rung["rung"]),
            _percent(rung["value"]),
            "" if rung["drop"] is None else f"{100 * rung['drop']:+.2f}",
            _percent(rung["agreement"]),
            "" if rung["sqnr_db"] is None else f"{rung['sqnr_db']:.1f} dB",
            f"{rung['seconds']:.0f}",
            _percent(rung["control"]),
            "met" if rung["met"] else str(rung["note"] or "missed"),
        )
        for rung in target["ladder"]
    ]
    return columns, rows


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def verdict(target: dict[str, Any]) -> str:
    """Say in a word whether a target ships."""
    if target["ships"]:
        return "ships"
    return {3: "over budget", 4: "not verified"}.get(target["error"]["exit_code"], "failed")


def _row(target: dict[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    cells = {"target": target["target"], "result": verdict(target), **_measured(target)}
    return tuple(cells.get(column, "") for column in columns)


def _measured(target: dict[str, Any]) -> dict[str, str]:
    """Return the cells of what was measured, by column; none where the target was never made."""
    if "precision" not in target:
        return {}
    metrics, latency = target["metrics"], target["latency"]
    cells = {
        "precision": target["precision"],
        "size": format_size(target["size_bytes"]),
        "SQNR": _sqnr(target["verification"]),
    }
    if metrics:
        cells[find_metric(metrics["metric"]).label] = f"{100 * metrics['value']:.2f} %"
        for name in metrics:
            if find_metric(name).task and find_metric(name).title:
                cells[find_metric(name).label] = f"{100 * metrics[name]:.2f} %"
        cells["drop"] = _drop(metrics)
        cells["agreement"] = f"{100 * metrics['agreement']:.1f} %"
    if latency:
        cells["latency"] = f"{latency['candidate']['p50_ns'] / 1e6:.3g} ms"
        cells["ratio"] = f"{latency['ratio']:.2f}"
    return cells | _expected(target)


def _expected(target: dict[str, Any]) -> dict[str, str]:
    npu, arena = target["npu"], _arena(target)
    if arena:
        return {"SRAM": f"{format_size(arena)} arena"}
    if not npu:
        return {}
    cells = {"on NPU": f"{100 * npu['npu_coverage']:.1f} %"}
    if npu["cycles"] is not None:
        cells["cycles"] = str(npu["cycles"])
    if npu["sram_bytes"] is not None:
        cells["SRAM"] = format_size(npu["sram_bytes"])
    return cells


def _arena(target: dict[str, Any]) -> int:
    return int((target.get("memory_bytes") or {}).get("arena", 0))


def _drop(metrics: dict[str, Any]) -> str:
    low, high = (100 * value for value in metrics["drop_interval"])
    return f"{100 * metrics['drop']:+.2f} [{low:+.2f}, {high:+.2f}]"


def _sqnr(links: list[dict[str, Any]]) -> str:
    """Return the ratio of the shipping file against the float file, or of a float file against PyTorch."""
    for link in reversed(links):
        if "shipping_sqnr_db" in link["metrics"]:
            return f"{float(link['metrics']['shipping_sqnr_db']):.1f} dB"
    return f"{float(links[0]['metrics']['sqnr_db']):.0f} dB"
