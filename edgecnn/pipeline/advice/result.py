"""What was found out about a network on an NPU: its cost, and that of every change that was compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.core.documents.npu import ESTIMATE

if TYPE_CHECKING:
    from edgecnn.core.documents.npu import NpuReport
    from edgecnn.pipeline.advice.change import Change


@dataclass(frozen=True)
class CompiledChange:
    """A change and what became of it.

    Attributes:
        change: The change.
        report: What the compiler says of the changed network; None where it could not be compiled.
        reason: Why it could not.
    """

    change: Change
    report: NpuReport | None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the trial as plain data."""
        return {
            "change": self.change.to_json(),
            "checked": self.report is not None,
            "reason": self.reason,
            **(_figures(self.report) if self.report is not None else {}),
        }


@dataclass(frozen=True)
class Remark:
    """An operator that is left to the CPU, and what takes its place.

    Attributes:
        operator: Its name in the file.
        instead: What to use instead, in words; nothing was compiled for it.
    """

    operator: str
    instead: str


@dataclass(frozen=True)
class Advice:
    """Advice on a network for one NPU.

    Attributes:
        model: The network, as the user named it.
        target: The target.
        before: What the compiler says of the network as it is.
        trials: Every change that was tried.
        remarks: What is left to the CPU.
        sram_limit: Bytes of SRAM that there are; None where nobody said.
    """

    model: str
    target: str
    before: NpuReport
    trials: tuple[CompiledChange, ...]
    remarks: tuple[Remark, ...]
    sram_limit: int | None

    @property
    def useful(self) -> tuple[CompiledChange, ...]:
        """The changes that help: less on the CPU, else inside the memory at last, else fewer cycles."""
        return tuple(trial for trial in self.trials if trial.report is not None and self._helps(trial.report))

    def _helps(self, after: NpuReport) -> bool:
        # Operations, not their share: a change that makes fewer of them in all leaves no more to the CPU.
        left, before = after.cpu_ops, self.before.cpu_ops
        if left != before:
            return left < before
        if self._fits(after) != self._fits(self.before):
            return self._fits(after)
        return (after.cycles or 0) < (self.before.cycles or 0)

    def _fits(self, report: NpuReport) -> bool:
        taken = report.sram_bytes
        return self.sram_limit is None or (taken is not None and taken <= self.sram_limit)

    def to_json(self) -> dict[str, Any]:
        """Return the advice as plain data."""
        useful = {trial.change.name for trial in self.useful}
        return {
            "model": self.model,
            "target": self.target,
            "figures": ESTIMATE,
            "compiler": self.before.compiler,
            "version": self.before.version,
            "before": _figures(self.before),
            "trials": [{**trial.to_json(), "helps": trial.change.name in useful} for trial in self.trials],
            "remarks": [{"operator": item.operator, "instead": item.instead} for item in self.remarks],
            "sram_limit": self.sram_limit,
        }


def _figures(report: NpuReport) -> dict[str, Any]:
    return {
        "npu_coverage": report.npu_coverage,
        "cpu_ops": report.cpu_ops,
        "cpu_operators": list(report.cpu_operators),
        "subgraphs": report.subgraphs,
        "cycles": report.cycles,
        "sram_bytes": report.sram_bytes,
        "flash_bytes": report.flash_bytes,
    }
