"""Hold measured values to budgets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.config.quantities import format_size

if TYPE_CHECKING:
    from edgecnn.config.budgets import Budgets

_SIZES = frozenset({"size", "sram", "flash", "arena"})
_SHARES = frozenset({"accuracy", "accuracy_drop", "npu_coverage"})

MINIMA = frozenset({"accuracy", "npu_coverage"})
"""Budgets that are lower limits; all others are upper ones."""


@dataclass(frozen=True)
class Measured:
    """The values that budgets bind; None where a value was not measured.

    Attributes:
        size: Bytes of the model files.
        accuracy: Task metric on the evaluation set in the shipping runtime.
        accuracy_drop: Loss against fp32 PyTorch on the same images; negative for a gain.
        latency_ratio: Median latency as a multiple of the float32 file's in the same runtime.
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
    latency_ratio: float | None = None
    float_ops: int | None = None
    transposes: int | None = None
    npu_coverage: float | None = None
    cpu_ops: int | None = None
    subgraphs: int | None = None
    cycles: int | None = None
    sram: int | None = None
    flash: int | None = None
    arena: int | None = None


@dataclass(frozen=True)
class BudgetResult:
    """One budget, judged.

    Attributes:
        name: Name of the budget.
        limit: Its limit.
        measured: The measured value, or None where there is none: then the budget is missed.
        passed: Whether it is met.
    """

    name: str
    limit: float
    measured: float | None
    passed: bool

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        bound = "at least" if self.name in MINIMA else "at most"
        found = "not measured" if self.measured is None else format_value(self.name, self.measured)
        return f"{self.name} {found} ({bound} {format_value(self.name, self.limit)})"


def judge(budgets: Budgets, measured: Measured) -> list[BudgetResult]:
    """Hold every given budget to its measured value; one that was not measured is missed.

    >>> from edgecnn.config.budgets import Budgets
    >>> [str(result) for result in judge(Budgets(size="1 kB", accuracy=0.9), Measured(size=1200))]
    ['size 1.2 kB (at most 1 kB)', 'accuracy not measured (at least 90.00 %)']
    """
    values = asdict(measured)
    return [judge_one(name, limit, values[name]) for name, limit in budgets.given().items()]


def judge_one(name: str, limit: float, value: float | None) -> BudgetResult:
    """Hold one measured value to its limit; None, not measured, is missed."""
    passed = False if value is None else value >= limit if name in MINIMA else value <= limit
    return BudgetResult(name, limit, value, passed)


def format_value(name: str, value: float) -> str:
    """Return a budget's limit or value as people write it.

    >>> format_value("accuracy_drop", 0.0125)
    '1.25 %'
    """
    if name in _SIZES:
        return format_size(value)
    if name in _SHARES:
        return f"{100 * value:.2f} %"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
