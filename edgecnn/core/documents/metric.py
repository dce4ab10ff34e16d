"""The table of metrics: every measured value of a target that can have a budget or appears in reports."""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from edgecnn.core.config.bounds import DROP, SHARE
from edgecnn.core.config.quantities import Unit, format_size, parse_written
from edgecnn.core.entry_points import TASKS, extensions
from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ACCURACY = "accuracy"
"""The budget on the task's own metric, whatever that is."""


INTEGER_MACS = "integer_macs"
"""The share of the multiply-accumulates that compute in integers."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name in YAML files and JSON.
        unit: Unit of its value.
        better: Whether a higher or a lower value is better. A budget on it is a lower limit or an upper one.
        title: Its name in tables; the plain name if this is empty.
        task: The kind of task that it belongs to; empty if every target may have it.
        budget: Whether it can have a budget.
        recovers: Whether the recovery ladder climbs while a budget on it is missed.
        by: Key of its values if there are several: a CPU or a device.
        of_one_class: Whether its value is of the images of one class, which are fewer than all.
    """

    name: str
    unit: Unit
    better: Literal["higher", "lower"]
    title: str = ""
    task: str = ""
    budget: bool = True
    recovers: bool = False
    by: Literal["cpu", "device"] | None = None
    of_one_class: bool = False

    @property
    def label(self) -> str:
        """Return its name in tables."""
        return self.title or self.name

    def holds(self, value: float, limit: float) -> bool:
        """Return whether a value is within a limit on this metric; NaN never is."""
        return value >= limit if self.better == "higher" else value <= limit

    def format(self, value: float) -> str:
        """Return a value or a limit as text.

        >>> METRICS["accuracy_drop"].format(0.0125), METRICS["instructions"].format(3_230_411)
        ('1.25 %', '3230411')
        """
        match self.unit:
            case "bytes":
                return format_size(value)
            case "milliseconds":
                return f"{value:.3g} ms"
            case "share":
                return f"{100 * value:.2f} %"
        return f"{value:.2f}" if isinstance(value, float) else str(value)


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Return a table of metrics by name.

    >>> sorted(by_name([Metric("size", "bytes", "lower")]))
    ['size']
    """
    return {metric.name: metric for metric in metrics}


METRICS: Mapping[str, Metric] = by_name(
    [
        Metric("size", "bytes", "lower"),
        Metric(ACCURACY, "share", "higher", recovers=True),
        Metric("accuracy_drop", "share", "lower", recovers=True),
        Metric("unpruned_drop", "share", "lower", recovers=True),
        Metric("ap50", "share", "higher", "AP50", task="detection", recovers=True),
        Metric("ap50_drop", "share", "lower", task="detection", recovers=True),
        Metric("class_floor", "share", "higher", task="classification", of_one_class=True),
        Metric("latency_ratio", "ratio", "lower"),
        Metric("baseline_latency_ratio", "ratio", "lower"),
        Metric("latency", "milliseconds", "lower", by="cpu"),
        Metric("memory", "bytes", "lower"),
        Metric("instructions", "count", "lower", by="device"),
        Metric("float_ops", "count", "lower"),
        Metric(INTEGER_MACS, "share", "higher", "integer MACs"),
        Metric("transposes", "count", "lower"),
        Metric("npu_coverage", "share", "higher"),
        Metric("cpu_ops", "count", "lower"),
        Metric("subgraphs", "count", "lower"),
        Metric("cycles", "count", "lower"),
        Metric("sram", "bytes", "lower"),
        Metric("flash", "bytes", "lower"),
        Metric("arena", "bytes", "lower"),
        Metric("top1", "share", "higher", "top-1", task="classification", budget=False),
        Metric("top5", "share", "higher", "top-5", task="classification", budget=False),
        Metric("ap", "share", "higher", "AP50:95", task="detection", budget=False),
    ]
)
"""The metrics of edgecnn by name, including those of the built-in tasks."""


@cache
def _brought() -> Mapping[str, Metric]:
    """Return the metrics of other packages' tasks by name; a package that cannot be used has none."""
    found: dict[str, Metric] = {}
    for task in extensions(TASKS):
        with suppress(UsageError):
            found = task.load(lambda task: by_name(task.metrics)) | found
    return found


def taken_by(metric: Metric) -> str:
    """Return who has another metric of that name: edgecnn or another task; empty if nobody has."""
    known = METRICS.get(metric.name)
    if known is not None:
        return "" if known == metric else "edgecnn"
    if f"{metric.name}_drop" in METRICS:
        return "edgecnn"
    return "another task" if _brought().get(metric.name, metric) != metric else ""


class _BudgetNames(Set[str]):
    """Names that can have a budget; other packages are only asked for names that edgecnn does not have."""

    def __contains__(self, name: object) -> bool:
        metric = METRICS.get(str(name)) or _brought().get(str(name))
        return metric is not None and metric.budget

    def __iter__(self) -> Iterator[str]:
        return (name for name, metric in {**_brought(), **METRICS}.items() if metric.budget)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def mistake(self, name: str, limit: object) -> str | None:
        """Return what is wrong about a written limit on a metric; None if nothing is."""
        metric = find_metric(name)
        try:
            value = parse_written(limit, metric.unit)
        except ValueError as error:
            return str(error)
        if metric.unit == "share":
            return (SHARE if metric.better == "higher" else DROP).mistake(value)
        if metric.better == "higher" and value == 0:
            return "no value could miss a smallest value of 0; leave it out, or give more"
        return None


BUDGETS = _BudgetNames()
"""The metrics that can have a budget, including those of other packages' tasks."""


def find_metric(name: str) -> Metric:
    """Return the metric of a name; for an unknown name, a number that should be low."""
    return METRICS.get(name) or _brought().get(name) or Metric(name, "ratio", "lower")
