"""Hold measured values to budgets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from edgecnn.core.config.quantities import format_size
from edgecnn.proof.verdict import Verdict, judge_interval

if TYPE_CHECKING:
    from edgecnn.core.config.budgets import Budgets

_SIZES = frozenset({"size", "sram", "flash", "arena", "memory"})
_SHARES = frozenset(
    {"accuracy", "accuracy_drop", "unpruned_drop", "ap50", "ap50_drop", "class_floor", "npu_coverage"}
)

MINIMA = frozenset({"accuracy", "ap50", "class_floor", "npu_coverage"})
"""Budgets that are lower limits; all others are upper ones."""

AGAINST_BASELINE = "baseline_latency_ratio"
"""A budget that only a comparison with an accepted baseline can judge."""


@dataclass(frozen=True)
class Measured:
    """The values that budgets bind; None where a value was not measured.

    Attributes:
        size: Bytes of the model files.
        accuracy: Task metric on the evaluation set in the shipping runtime.
        accuracy_drop: Loss against fp32 PyTorch on the same images; negative for a gain.
        unpruned_drop: Loss against fp32 PyTorch's network before pruning on the same images.
        ap50: AP50 of a detector in the shipping runtime.
        ap50_drop: Loss of it against fp32 PyTorch on the same images.
        class_floor: Accuracy of the class that the network knows worst.
        latency_ratio: Latency as a multiple of the float32 file's in the same runtime.
        latency_interval: Confidence interval of that ratio.
        latency: Median milliseconds of one inference by the CPU's name.
        memory: Peak bytes of a worker that runs the file.
        instructions: Executed Arm instructions of one inference by emulated device.
        float_ops: Floating-point operations in the file.
        transposes: Layout transposes in the file.
        npu_coverage: Share of operations, or of multiply-accumulates, on the NPU, whichever is less.
        cpu_ops: Operations that the compiler left to the CPU.
        subgraphs: Pieces that the network falls into on the NPU.
        cycles: NPU cycles of one inference, as the compiler estimates them.
        sram: Bytes of SRAM of one inference on the NPU.
        flash: Bytes of flash of weights and program.
        arena: Bytes of the microcontroller's arena.
    """

    size: int | None = None
    accuracy: float | None = None
    accuracy_drop: float | None = None
    unpruned_drop: float | None = None
    ap50: float | None = None
    ap50_drop: float | None = None
    class_floor: float | None = None
    latency_ratio: float | None = None
    latency_interval: tuple[float, float] | None = None
    latency: dict[str, float] = field(default_factory=dict)
    memory: int | None = None
    instructions: dict[str, int] = field(default_factory=dict)
    float_ops: int | None = None
    transposes: int | None = None
    npu_coverage: float | None = None
    cpu_ops: int | None = None
    subgraphs: int | None = None
    cycles: int | None = None
    sram: int | None = None
    flash: int | None = None
    arena: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what was measured as plain data."""
        return {name: value for name, value in asdict(self).items() if value not in (None, {})}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Measured:
        """Rebuild the values from :meth:`to_json`; names that this version does not know are left out."""
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        if "latency_interval" in values:
            values["latency_interval"] = tuple(values["latency_interval"])
        return cls(**values)


@dataclass(frozen=True)
class BudgetResult:
    """One budget, judged.

    Attributes:
        name: Name of the budget.
        limit: Its limit.
        measured: The measured value, or None where there is none: then the budget is missed, unless it
            does not apply here.
        verdict: Whether it is met; ``inconclusive`` where the measurement does not tell.
        device: The device that the limit applies to, where it names one.
        note: Why the verdict is what it is, where the numbers don't say.
    """

    name: str
    limit: float
    measured: float | None
    verdict: Verdict
    device: str | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether it does not stand in the way: met, or not known to be missed."""
        return self.verdict is not Verdict.FAIL

    @property
    def title(self) -> str:
        """The budget's name, with its device."""
        return self.name if self.device is None else f"{self.name} on {self.device}"

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        bound = "at least" if self.name in MINIMA else "at most"
        found = "not measured" if self.measured is None else format_value(self.name, self.measured)
        note = f"; {self.note}" if self.note else ""
        return f"{self.title} {found} ({bound} {format_value(self.name, self.limit)}){note}"


def judge(budgets: Budgets, measured: Measured) -> list[BudgetResult]:
    """Hold every given budget to its measured value; one that was not measured is missed.

    >>> from edgecnn.core.config.budgets import Budgets
    >>> [str(result) for result in judge(Budgets(size="1 kB", accuracy=0.9), Measured(size=1200))]
    ['size 1.2 kB (at most 1 kB)', 'accuracy not measured (at least 90.00 %)']
    """
    values = asdict(measured)
    results = []
    for name, limit in budgets.given().items():
        if name == AGAINST_BASELINE:
            note = "held against an accepted baseline by `check --baseline`"
            results.append(BudgetResult(name, limit, None, Verdict.INCONCLUSIVE, note=note))
        elif name == "latency_ratio" and measured.latency_interval is not None:
            results.append(judge_ratio(limit, values[name], measured.latency_interval))
        elif name == "latency":
            results += [_judge_latency(limit[cpu], cpu, measured.latency) for cpu in limit]
        elif isinstance(limit, dict):
            results += [judge_one(name, limit[device], values[name].get(device), device) for device in limit]
        else:
            results.append(judge_one(name, limit, values[name]))
    return results


def judge_one(name: str, limit: float, value: float | None, device: str | None = None) -> BudgetResult:
    """Hold one exact value to its limit; None, not measured, is missed."""
    met = False if value is None else value >= limit if name in MINIMA else value <= limit
    return BudgetResult(name, limit, value, Verdict.PASS if met else Verdict.FAIL, device)


def judge_ratio(
    limit: float, ratio: float, interval: tuple[float, float], device: str | None = None
) -> BudgetResult:
    """Hold a ratio with its interval to a limit: what noise may explain is no miss."""
    low, high = interval
    return BudgetResult(
        "latency_ratio",
        limit,
        ratio,
        judge_interval(low, high, limit),
        device,
        note=f"interval {low:.3f} to {high:.3f}",
    )


def _judge_latency(limit: float, cpu: str, measured: dict[str, float]) -> BudgetResult:
    """Hold milliseconds to a limit that binds on one CPU only."""
    if measured and cpu not in measured:
        note = f"measured on {', '.join(measured)}, where it does not apply"
        return BudgetResult("latency", limit, None, Verdict.INCONCLUSIVE, cpu, note)
    return judge_one("latency", limit, measured.get(cpu), cpu)


def format_value(name: str, value: float) -> str:
    """Return a budget's limit or value as people write it.

    >>> format_value("accuracy_drop", 0.0125)
    '1.25 %'
    >>> format_value("instructions", 3_230_411)
    '3230411'
    """
    if name in _SIZES:
        return format_size(value)
    if name in _SHARES:
        return f"{100 * value:.2f} %"
    if name == "latency":
        return f"{value:.3g} ms"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
