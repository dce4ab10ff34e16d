"""A run's summary as Markdown: shipped targets, proofs, costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from edgecnn.core.config.quantities import format_size
from edgecnn.core.documents.metric import find_metric
from edgecnn.core.documents.run import MadeTarget
from edgecnn.core.files import write_texts
from edgecnn.core.store.runs import SUMMARY, summary_text
from edgecnn.ui.report.pruning import (
    groups_table,
    pruning_line,
    pruning_table,
    sensitivity_svg,
    sensitivity_table,
)
from edgecnn.ui.report.rows import climbed, ladder_table, metric_columns, target_table, warned, worth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgecnn.core.documents.host import Host
    from edgecnn.core.documents.pruning import PruningReport
    from edgecnn.core.documents.run import RunSummary, StepSummary, TargetSummary
    from edgecnn.core.documents.training import TrainingSummary

V = TypeVar("V")


def run_markdown(summary: RunSummary) -> str:
    """Return the Markdown of a run."""
    sections = [f"# {summary.name}", _headline(summary)]
    if summary.training is not None:
        sections.append(_training(summary.training))
    if summary.pruning is not None:
        sections.append(_pruning(summary.pruning))
    sections.append("## Targets\n\n" + table(*target_table(summary.targets)))
    sections += [f"**{line}**" for line in warned(summary.targets)]
    sections.append(_legend(summary.targets))
    sections.append(_npu(summary.targets))
    sections += [
        f"### Recovery of {item.target}\n\n" + table(*ladder_table(item)) for item in climbed(summary.targets)
    ]
    sections += [_verification(item) for item in summary.targets if isinstance(item, MadeTarget)]
    sections.append(_errors(summary.targets))
    sections.append(_costs(summary.steps))
    sections.append(_host(summary.host))
    return "\n\n".join(section for section in sections if section) + "\n"


def write_run(summary: RunSummary, folder: Path) -> None:
    """Write ``summary.json``, ``summary.md`` and, where pruning was measured, ``sensitivity.svg``.

    Raises:
        InputError: The folder cannot be written.
    """
    texts = {SUMMARY: summary_text(summary), "summary.md": run_markdown(summary)}
    if summary.pruning is not None and summary.pruning.sensitivity is not None:
        texts["sensitivity.svg"] = sensitivity_svg(summary.pruning.sensitivity)
    write_texts(folder, texts)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(table(("a", "b"), [("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "|" + "|".join(cell if cell == "---" else f" {_cell(cell)} " for cell in line) + "|" for line in lines
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _headline(summary: RunSummary) -> str:
    targets = summary.targets
    ships = sum(item.ships for item in targets)
    return (
        f"{ships} of {len(targets)} targets ship. {summary.seconds:.0f} s, "
        f"{summary.reused} of {len(summary.steps)} steps reused."
    )


def _training(training: TrainingSummary) -> str:
    rows = [
        (
            str(epoch.epoch + 1),
            f"{epoch.loss:.3f}",
            _percent(epoch.metric),
            f"{epoch.seconds:.0f}",
        )
        for epoch in training.history
    ]
    return "## Training\n\n" + table(("epoch", "loss", find_metric(training.metric).label, "seconds"), rows)


def _pruning(pruning: PruningReport) -> str:
    parts = [pruning_line(pruning), table(*pruning_table(pruning)), table(*groups_table(pruning))]
    curves = pruning.sensitivity
    if curves is not None:
        parts.append(
            f"{find_metric(curves.metric).label} on {curves.images} training images when one group "
            "alone loses a share of its channels and nothing is trained; drawn in `sensitivity.svg`."
        )
        parts.append(table(*sensitivity_table(curves)))
    return "\n\n".join(["## Pruning", *parts])


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _legend(targets: Sequence[TargetSummary]) -> str:
    metrics = ", ".join(metric_columns(targets))
    return (
        f"{f'{metrics}: in the shipping runtime. ' if metrics else ''}drop: points lost against fp32 "
        "PyTorch on the same images, with its 95 % interval. agreement: share of answers that fp32 PyTorch "
        "gives too. SQNR: of the outputs against the float file's, in the shipping runtime. ratio: median "
        "latency over the float32 file's in the same runtime."
    )


def _npu(targets: Sequence[TargetSummary]) -> str:
    made = [item for item in targets if isinstance(item, MadeTarget)]
    rows = [
        (
            item.target,
            f"{npu.npu_coverage:.1%}",
            str(npu.cpu_ops),
            _known(npu.cycles, str),
            _known(npu.milliseconds, "{:.3g}".format),
            _known(npu.sram_bytes, format_size),
            _known(npu.dram_bytes, format_size),
            _known(npu.flash_bytes, format_size),
            f"{npu.figures} ({npu.compiler} {npu.version}, {npu.configuration})",
        )
        for item in made
        if (npu := item.npu) is not None
    ]
    columns = (
        "target",
        "on the NPU",
        "CPU ops",
        "cycles",
        "ms",
        "SRAM",
        "DRAM",
        "flash",
        "cycles and memory are",
    )
    arenas = [
        f"{item.target}: arena of {format_size(item.arena)}, counted by the interpreter here, "
        "whose pointers are wider than a microcontroller's."
        for item in made
        if item.arena
    ]
    parts = [table(columns, rows)] * bool(rows) + arenas + worth(targets)
    return "\n\n".join(["## On the device, without the device", *parts]) if parts else ""


def _known(value: V | None, write: Callable[[V], str]) -> str:
    return "" if value is None else write(value)


def _verification(target: MadeTarget) -> str:
    rows = [
        (
            str(link.number),
            link.name,
            link.compared,
            ", ".join(f"{name} {link.metrics[name]:.4g}" for name in link.limits),
            "holds" if link.passed else f"broken: {link.cause}",
        )
        for link in target.verification
    ]
    return f"### {target.target}\n\n" + table(("link", "name", "compared", "measured", "verdict"), rows)


def _errors(targets: Sequence[TargetSummary]) -> str:
    lines = [
        f"- **{item.target}**: {error.message}" + (f" ({error.hint})" if error.hint else "")
        for item in targets
        if (error := item.error) is not None
    ]
    return "## What does not ship\n\n" + "\n".join(lines) if lines else ""


def _costs(steps: Sequence[StepSummary]) -> str:
    rows = [
        (
            step.id,
            name,
            f"{cost.wall_s:.1f}",
            "" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:.0f}",
        )
        for step in steps
        for name, cost in step.costs.items()
    ]
    return "## Costs\n\n" + table(("step", "work", "seconds", "peak MB"), rows) if rows else ""


def _host(host: Host) -> str:
    runtimes = ", ".join(f"{name} {version}" for name, version in host.runtimes.items())
    return (
        f"Measured on {host.cpu}, {host.cores} cores, {host.isa}, {host.system}, "
        f"Python {host.python}; {runtimes}."
    )
