"""Reports on advice: the network before and after each compiled change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.advice import CompiledChange
from edgecnn.core.files import write_texts
from edgecnn.ui.report.markdown import table

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.advice import Advice, NpuFigures

COLUMNS = ("network", "on NPU", "CPU ops", "cycles", "change", "SRAM", "verdict")


def advice_rows(advice: Advice) -> list[tuple[str, ...]]:
    """Return the cells of the network and of every change, in the order of :data:`COLUMNS`."""
    rows = [_row("as it is", advice.before, "", "")]
    for trial in advice.trials:
        name = trial.change.name
        if not isinstance(trial, CompiledChange):
            rows.append((name, "", "", "", "", "", f"not compiled: {trial.reason}"))
            continue
        before, after = advice.before.cycles, trial.cycles
        ratio = f"{100 * (after / before - 1):+.1f} %" if before and after is not None else ""
        rows.append(_row(name, trial, ratio, "helps" if trial.helps else "does not help"))
    return rows


def _row(name: str, figures: NpuFigures, change: str, verdict: str) -> tuple[str, ...]:
    cpu = f"{figures.cpu_ops} ({', '.join(figures.cpu_operators)})" if figures.cpu_ops else "0"
    sram = "" if figures.sram_bytes is None else format_size(figures.sram_bytes)
    return name, f"{100 * figures.npu_coverage:.1f} %", cpu, str(figures.cycles), change, sram, verdict


def advice_lines(advice: Advice) -> list[str]:
    """Return the advice in words: the changes that help with their reasons, then the remarks."""
    lines = [f"{trial.change.name}: {trial.change.why}" for trial in advice.useful]
    lines += [f"{item.operator} runs on the CPU: {item.instead} (not compiled)" for item in advice.remarks]
    return lines or ["nothing that was tried makes it cheaper: only fewer channels or a smaller input would"]


def worth(advice: Advice) -> str:
    """Return a sentence about the reliability of the figures."""
    return (
        f"Cycles and memory: {advice.figures} ({advice.compiler} {advice.version}). Networks were "
        "rebuilt with fresh weights and made-up ranges: compare the rows with each other, and train what you "
        "change."
    )


def advice_markdown(advice: Advice) -> str:
    """Return the advice as Markdown."""
    sections = [
        f"# {advice.model} on {advice.target}",
        table(COLUMNS, advice_rows(advice)),
        "\n".join(f"{number}. {line}" for number, line in enumerate(advice_lines(advice), start=1)),
        worth(advice),
    ]
    return "\n\n".join(sections) + "\n"


def write_advice(advice: Advice, folder: Path) -> None:
    """Write advice as ``advice.json`` and ``advice.md``.

    Raises:
        InputError: The folder cannot be written.
    """
    document = advice.model_dump_json(indent=1)
    write_texts(folder, {"advice.json": document + "\n", "advice.md": advice_markdown(advice)})
