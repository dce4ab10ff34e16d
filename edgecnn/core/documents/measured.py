"""Measured values of a target, by the names of the table of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field, RootModel

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERVAL = "latency_interval"
"""Name of the confidence interval of ``latency_ratio``."""

Value = int | float | tuple[float, float] | dict[str, int | float]


class Measured(RootModel[dict[str, Value]]):
    """Every value that can have a budget, by the name of its metric, without values that were not measured.

    >>> measured = Measured(size=1200, accuracy=None, instructions={"raspberry-pi-4": 3})
    >>> measured.value("size"), measured.value("accuracy"), measured.by("instructions")
    (1200, None, {'raspberry-pi-4': 3})
    """

    model_config = ConfigDict(frozen=True)
    root: dict[str, Value] = Field(default_factory=dict)

    def __init__(self, /, **values: Value | None) -> None:
        super().__init__({name: value for name, value in values.items() if value is not None and value != {}})

    def value(self, name: str) -> int | float | None:
        """Return the value of a metric; None if it was not measured."""
        value = self.root.get(name)
        return value if isinstance(value, int | float) else None

    def by(self, name: str) -> Mapping[str, int | float]:
        """Return a metric's values by CPU or device; empty if there are none."""
        value = self.root.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def latency_interval(self) -> tuple[float, float] | None:
        """Return the confidence interval of the ratio of latencies; None if it was not measured."""
        value = self.root.get(INTERVAL)
        return value if isinstance(value, tuple) else None
