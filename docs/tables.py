"""The result tables of the documentation, made from what the benchmarks wrote to ``benchmarks/results``.

A page holds a table between ``<!-- table: NAME -->`` and ``<!-- end -->``; `generate.py` fills it in.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limits import limit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
Row = dict[str, Any]

_LONG_S = 100
"""Longer times are shown in whole seconds."""


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    >>> print(markdown(("a", "b"), [(1, None)]))
    | a | b |
    |---|---|
    | 1 |  |
    """
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _span(interval: Sequence[float], digits: int = 2) -> str:
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def quickstart() -> str:
    """Return what ``make quickstart`` measured: one row a target."""
    columns = ["target", "size", "top-1", "drop", "95 % interval", "agreement", "SQNR", "latency", "ratio"]
    return markdown(columns, (_quickstart_row(target) for target in _read("quickstart")["targets"]))


def _quickstart_row(target: Row) -> Sequence[object]:
    metrics, latency = target["metrics"], target["latency"]
    low, high = (100 * value for value in metrics["drop_interval"])
    return (
        target["target"],
        f"{target['size_bytes'] / 1000:.0f} kB",
        f"{100 * metrics['value']:.2f} %",
        f"{100 * metrics['drop']:+.2f}",
        f"{low:+.2f} to {high:+.2f}",
        f"{100 * metrics['agreement']:.1f} %",
        f"{_sqnr_db(target):.3g} dB",
        f"{latency['candidate']['p50_ns'] / 1e6:.3f} ms",
        f"{latency['ratio']:.2f}",
    )


def _sqnr_db(target: Row) -> float:
    """Return the ratio of the shipping file's outputs against the float file, or against PyTorch's."""
    links = {link["name"]: link["metrics"] for link in target["verification"]}
    found = links.get("kernels", {}).get("shipping_sqnr_db")
    return float(links["conversion"]["sqnr_db"] if found is None else found)


def export() -> str:
    """Return the int8 exports of two pretrained networks."""
    columns = ["model", "target", "MB", "fp32 top-1", "top-1", "drop", "95 % interval", "agreement"]
    columns += ["SQNR dB (shipping)", "SQNR dB (reference)", "latency ratio", "convert s", "peak MB"]
    keys = ["MB", "fp32 top-1", "top-1", "drop", "drop interval", "agreement"]
    keys += ["SQNR dB", "reference dB", "latency ratio", "convert s", "peak MB"]
    rows = [row for row in _read("export")["rows"] if row["precision"] == "int8"]
    return markdown(
        columns,
        (
            [
                row["model"].removeprefix("zoo:"),
                row["target"],
                *(_span(row[key], 2) if key == "drop interval" else row[key] for key in keys),
            ]
            for row in rows
        ),
    )


def quantization() -> str:
    """Return the better of ``plain`` and ``equalize`` beside each vendor's own default."""
    columns = ["model", "target", "rung", "drop", "95 % interval", "default", "agreement", "default"]
    columns += ["SQNR dB", "default", "of fp32 latency", "of default"]
    rows = _read("quantization")["rows"]
    defaults = {(row["model"], row["target"]): row for row in rows if row["way"] == "native default"}
    best: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row["model"], row["target"])
        if row["way"] in ("plain", "equalize") and key in defaults:
            best[key] = max(best.get(key, row), row, key=lambda found: found["agreement"])
    return markdown(columns, (_quantization_row(best[key], defaults[key]) for key in sorted(best)))


def _quantization_row(row: Row, default: Row) -> Sequence[object]:
    return (
        row["model"],
        row["target"],
        row["way"],
        f"{row['drop']:.2f}",
        _span(row["drop interval"]),
        f"{default['drop']:.2f}",
        f"{row['agreement']:.1f}",
        f"{default['agreement']:.1f}",
        f"{row['SQNR dB']:.1f}",
        f"{default['SQNR dB']:.1f}",
        f"{row['of fp32 latency']:.2f}",
        f"{row['of default latency']:.2f}",
    )


def pruning_latency() -> str:
    """Return latencies at half the multiply-accumulates, with and without rounding of channels."""
    columns = ["model", "target", "of latency", "95 % interval", "of Arm instructions"]
    columns += ["channels not rounded", "of Arm instructions"]
    rows = [row for row in _read("pruning")["rows"] if row["section"] == "latency"]
    loose = {(row["model"], row["target"]): row for row in rows if row["way"] == "multiples of 1"}
    return markdown(
        columns,
        (
            (
                row["model"],
                row["target"],
                f"{row['of latency']:.2f}",
                _span(row["interval"]),
                _two_digits(row["of Arm instructions"]),
                _two_digits(loose[row["model"], row["target"]]["of latency"]),
                _two_digits(loose[row["model"], row["target"]]["of Arm instructions"]),
            )
            for row in rows
            if row["way"] != "multiples of 1"
        ),
    )


def _two_digits(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def pruning_accuracy() -> str:
    """Return top-1 on Fashion-MNIST by seed, with the mean and the standard deviation."""
    rows = [row for row in _read("pruning")["rows"] if row["section"] == "fashion"]
    seeds = sorted({row["seed"] for row in rows})
    ways = list(dict.fromkeys(row["way"] for row in rows))
    lines = []
    for way in ways:
        by_seed = {row["seed"]: row for row in rows if row["way"] == way}
        found = [by_seed[seed]["top-1"] for seed in seeds if seed in by_seed]
        spread = f" ± {statistics.stdev(found):.2f}" if len(found) > 1 else ""
        macs = next(iter(by_seed.values()))["MACs"]
        cells = [by_seed[seed]["top-1"] if seed in by_seed else None for seed in seeds]
        lines.append([way, f"{macs:.2f}", *cells, f"{statistics.mean(found):.2f}{spread}"])
    return markdown(("way", "MACs", *(f"seed {seed}" for seed in seeds), "mean"), lines)


def detection() -> str:
    """Return the raccoon pipeline: average precision and the time of a whole frame."""
    nano = _read("detection")["nano"]
    frames = {row["target"]: row for row in nano["frame, one thread, ms"]}
    columns = ["target", "AP50", "fp32", "AP50:95", "drop", "95 % interval", "whole frame"]
    columns += ["pre- and post-processing of the network"]
    return markdown(
        columns,
        (
            (
                row["target"],
                f"{row['AP50']:.2f}",
                f"{row['fp32 AP50']:.2f}",
                f"{row['AP50:95']:.2f}",
                f"{row['drop']:.2f}",
                _span(row["drop interval"]),
                f"{frames[row['target']]['whole']:.1f} ms" if row["target"] in frames else None,
                frames[row["target"]]["pre and post of network"] if row["target"] in frames else None,
            )
            for row in nano["targets"]
        ),
    )


def yolox() -> str:
    """Return YOLOX-nano in int8 on COCO's photos."""
    columns = ["target", "AP50:95", "drop", "95 % interval", "rung", "float operations"]
    return markdown(
        columns,
        (
            (
                row["target"],
                f"{row['AP50:95']:.2f}",
                f"{row['drop']:.2f}",
                _span(row["drop interval"]),
                row["rung"],
                row["float ops"],
            )
            for row in _read("detection")["yolox"]["int8"]
        ),
    )


def npu() -> str:
    """Return what the NPUs' compilers and simulators say."""
    columns = ["model", "target", "on the NPU", "cycles", "SRAM or arena, kB"]
    columns += ["furthest from the reference", "top-1 of 50", "fp32"]
    return markdown(columns, (_npu_row(row) for row in _read("npu")["rows"]))


def _npu_row(row: Row) -> Sequence[object]:
    memory = row["sram_bytes"] or row["arena"]
    far = f"{row['max_steps']:.0f} steps" if row["max_steps"] else f"{row['max_abs']:.0f}"
    return (
        row["model"].removeprefix("zoo:"),
        row["target"],
        None if row["coverage"] is None else f"{100 * row['coverage']:.0f} %",
        None if row["cycles"] is None else f"{row['cycles']:,}",
        None if memory is None else f"{memory / 1000:,.0f}",
        far,
        round(100 * row["top1"]),
        round(100 * row["fp32"]),
    )


def gate() -> str:
    """Return how often the latency gate is wrong, beside plain medians."""
    columns = ["candidate", "comparisons", "called slower", "inconclusive", "by plain medians", "median time"]
    return markdown(
        columns,
        (
            (
                row["candidate"],
                row["comparisons"],
                row["called a regression"],
                row["inconclusive"],
                row["plain medians: a regression"],
                f"{row['median s']:.1f} s",
            )
            for row in _read("gate")["summary"]
        ),
    )


def campaigns() -> str:
    """Return the result of every campaign that was run in its full form."""
    files = sorted((RESULTS / "campaigns").glob("*.json"), key=lambda file: file.name.lower())
    columns = ["campaign", "attempts", "did harm", "longest attempt", "most memory", "what came of them"]
    return markdown(columns, (_campaign_row(json.loads(file.read_text("utf-8"))) for file in files))


def _campaign_row(result: Row) -> Sequence[object]:
    counts = sorted(result["counts"].items(), key=lambda item: -item[1])
    return (
        result["name"],
        f"{result['tried']:,}",
        result["failed"],
        f"{result['worst_seconds']:.1f} s",
        f"{result['peak_bytes'] / 1e6:,.0f} MB",
        ", ".join(f"{what} {count:,}" for what, count in counts),
    )


def cost() -> str:
    """Return what every measured command costs, beside its goal and the vendor's tools alone."""
    rows = _read("cost")["rows"]
    vendors = {row["name"]: row["cpu_s"] for row in rows}
    columns = ["command", "CPU s", "goal", "vendor's tools alone", "wall s", "most memory", "goal"]
    return markdown(
        columns, (_cost_row(row, vendors) for row in rows if not row["name"].startswith("vendor"))
    )


def _cost_row(row: Row, vendors: dict[str, float]) -> Sequence[object]:
    goal, name = row["goal"], row["name"]
    forms = [form for form in ("onnx", "tflite", "openvino") if f"export {form}-int8, plain" in name]
    alone = (
        None
        if "unchanged" in name
        else next((vendors.get(f"vendor's tools, {form}") for form in forms), None)
    )
    if name == "export of all three, plain":
        alone = sum(cpu_s for other, cpu_s in vendors.items() if other.startswith("vendor"))
    return (
        name,
        _seconds(row["cpu_s"]),
        goal["cpu_s"],
        None if alone is None else _seconds(alone),
        _seconds(row["wall_s"]),
        _megabytes(row["peak_bytes"]),
        _megabytes(goal["memory"]),
    )


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= _LONG_S else f"{value:.3g}"


def _megabytes(count: float | None) -> str | None:
    return f"{count / 1e6:,.0f} MB" if count else None


def cost_steps() -> str:
    """Return the CPU time of the steps of each export, by the kind of step."""
    exports = {
        row["name"].removeprefix("export "): _by_kind(row["steps"])
        for row in _read("cost")["rows"]
        if row["name"].startswith("export") and row["steps"] and "unchanged" not in row["name"]
    }
    kinds = list(dict.fromkeys(kind for found in exports.values() for kind in found))
    return markdown(
        ("step", *exports),
        ((kind, *(_one_digit(found.get(kind)) for found in exports.values())) for kind in kinds),
    )


def _by_kind(steps: Iterable[Row]) -> dict[str, float]:
    found: dict[str, float] = {}
    for step in steps:
        kind = step["step"].partition(":")[0]
        found[kind] = found.get(kind, 0.0) + step["cpu_s"]
    return found


def _one_digit(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def limits() -> str:
    """Return the limits of the readers of files from outside."""
    return markdown(("file", "limits"), limit_rows())


_EXAMPLE = Path(__file__).parents[1] / "tests" / "extensions" / "toy_task"


def example_task() -> str:
    """Return the files of the example of a task; the tests install it and take it through a whole run."""
    files = [_EXAMPLE / "pyproject.toml", *sorted((_EXAMPLE / "toy_task").glob("*.py"))]
    blocks = [
        f"`{file.relative_to(_EXAMPLE)}`:\n\n```{_LANGUAGES[file.suffix]}\n{file.read_text().rstrip()}\n```"
        for file in files
        if file.name != "__init__.py"
    ]
    return "\n\n".join(blocks)


_LANGUAGES = {".toml": "toml", ".py": "python"}

TABLES: dict[str, Callable[[], str]] = {
    "quickstart": quickstart,
    "export": export,
    "quantization": quantization,
    "pruning-latency": pruning_latency,
    "pruning-accuracy": pruning_accuracy,
    "detection": detection,
    "yolox": yolox,
    "npu": npu,
    "gate": gate,
    "campaigns": campaigns,
    "cost": cost,
    "cost-steps": cost_steps,
    "limits": limits,
    "example-task": example_task,
}
