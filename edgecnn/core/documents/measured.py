"""What was measured of a target, by the names of the table of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field, RootModel

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERVAL = "latency_interval"
"""Beside ``latency_ratio``: the confidence interval of it."""

Value = int | float | tuple[float, float] | dict[str, int | float]


class Measured(RootModel[dict[str, Value]]):
    """Every value that a budget can bind, by the name of its metric; what was not measured is left out.

    >>> measured = Measured(size=1200, accuracy=None, instructions={"raspberry-pi-4": 3})
    >>> measured.value("size"), measured.value("accuracy"), measured.by("instructions")
    (1200, None, {'raspberry-pi-4': 3})
    """

    model_config = ConfigDict(frozen=True)
    root: dict[str, Value] = Field(default_factory=dict)

    def __init__(self, /, **values: Value | None) -> None:
        super().__init__({name: value for name, value in values.items() if value is not None and value != {}})

    def value(self, name: str) -> int | float | None:
        """Return a metric's one value; None where it was not measured."""
        value = self.root.get(name)
        return value if isinstance(value, int | float) else None

    def by(self, name: str) -> Mapping[str, int | float]:
        """Return a metric's values by CPU or device; empty where none was measured."""
        value = self.root.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def latency_interval(self) -> tuple[float, float] | None:
        """The confidence interval of the ratio of latencies; None where it was not measured."""
        value = self.root.get(INTERVAL)
        return value if isinstance(value, tuple) else None
