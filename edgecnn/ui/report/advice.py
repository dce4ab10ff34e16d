"""Advice for readers: the network before, and after each change that was compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.config.quantities import format_size
from edgecnn.ui.report.markdown import table

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = ("network", "on NPU", "CPU ops", "cycles", "change", "SRAM", "verdict")


def advice_rows(advice: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the cells of the network and of every change, in the order of :data:`COLUMNS`.

    Args:
        advice: Plain data of :class:`edgecnn.pipeline.advice.result.Advice`.
    """
    before = advice["before"]
    rows: list[tuple[str, ...]] = [("as it is", *_figures(before), "", format_size(before["sram_bytes"]), "")]
    for trial in advice["trials"]:
        name = trial["change"]["name"]
        if not trial["checked"]:
            rows.append((name, "", "", "", "", "", f"not compiled: {trial['reason']}"))
            continue
        ratio = f"{100 * (trial['cycles'] / before['cycles'] - 1):+.1f} %"
        verdict = "helps" if trial["helps"] else "does not help"
        rows.append((name, *_figures(trial), ratio, format_size(trial["sram_bytes"]), verdict))
    return rows


def _figures(data: Mapping[str, Any]) -> tuple[str, str, str]:
    cpu = f"{data['cpu_ops']} ({', '.join(data['cpu_operators'])})" if data["cpu_ops"] else "0"
    return f"{100 * data['npu_coverage']:.1f} %", cpu, str(data["cycles"])


def advice_lines(advice: Mapping[str, Any]) -> list[str]:
    """Return what to do, in words: the changes that help with their reasons, then what has no trial."""
    helping = [trial["change"] for trial in advice["trials"] if trial.get("helps")]
    lines = [f"{change['name']}: {change['why']}" for change in helping]
    lines += [
        f"{item['operator']} runs on the CPU: {item['instead']} (not compiled)" for item in advice["remarks"]
    ]
    return lines or ["nothing that was tried makes it cheaper: only fewer channels or a smaller input would"]


def worth(advice: Mapping[str, Any]) -> str:
    """Say what the figures are worth."""
    return (
        f"Cycles and memory: {advice['figures']} ({advice['compiler']} {advice['version']}). Networks were "
        "rebuilt with fresh weights and made-up ranges: compare the rows with each other, and train what you "
        "change."
    )


def advice_markdown(advice: Mapping[str, Any]) -> str:
    """Return the advice as Markdown."""
    sections = [
        f"# {advice['model']} on {advice['target']}",
        table(COLUMNS, advice_rows(advice)),
        "\n".join(f"{number}. {line}" for number, line in enumerate(advice_lines(advice), start=1)),
        worth(advice),
    ]
    return "\n\n".join(sections) + "\n"
