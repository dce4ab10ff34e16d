"""The limits that can be meant, of every budget and of every limit of the verification chain, in one table.

A limit outside its range is one that no value can miss, or that none can meet: a mistake that would stay
unnoticed for ever, or that no work can cure. The ranges hold for what people write; stored documents of
older versions keep what they have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ValidationInfo, field_validator

from edgecnn.core.config.base import Schema
from edgecnn.core.config.quantities import BYTES, LARGEST_RATIO, MILLISECONDS, is_written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["bytes", "milliseconds", "share", "ratio", "count", "dB", "number"]


@dataclass(frozen=True)
class LimitRange:
    """The limits on one value that can be meant.

    Attributes:
        at_least: Whether the limit is the smallest value that passes; otherwise it is the largest.
        low: Smallest limit.
        high: Largest limit.
        kind: Kind of the value.
    """

    at_least: bool
    low: float
    high: float
    kind: Kind

    @classmethod
    def lowest(cls, low: float, high: float, kind: Kind) -> Self:
        """Return the range of a smallest value that passes."""
        return cls(True, low, high, kind)

    @classmethod
    def largest(cls, low: float, high: float, kind: Kind) -> Self:
        """Return the range of a largest value that passes."""
        return cls(False, low, high, kind)

    def mistake(self, limit: float) -> str | None:
        """Return what is wrong about a limit, with its likely meaning; None if it can be meant.

        >>> DROP.mistake(0.9999)
        'no value could miss a limit of 99.99 % (at most 90 %); leave it out, or did you mean 1 %?'
        >>> BUDGETS["latency_ratio"].mistake(0)
        'no value could meet a limit of 0 (at least 0.001)'
        """
        if self.low <= limit <= self.high:
            return None
        below = limit < self.low
        bound = f"at least {self._text(self.low)}" if below else f"at most {self._text(self.high)}"
        if below is not self.at_least:
            likely = self._likely(limit)
            return f"no value could meet a limit of {self._text(limit)} ({bound})" + (
                f"; did you mean {likely}?" if likely else ""
            )
        likely = self._likely(limit)
        return f"no value could miss a limit of {self._text(limit)} ({bound}); leave it out, or " + (
            f"did you mean {likely}?" if likely else f"give {'more' if below else 'less'}"
        )

    def _likely(self, limit: float) -> str:
        """Return what a limit was probably meant as; empty if nobody knows."""
        if self.kind == "share" and not self.at_least:
            return "1 %"
        units = _UNITS.get(self.kind)
        if units is None or limit <= 0:
            return ""
        given = _unit_of(limit, units)
        number = limit / units[given]
        fits = [unit for unit, factor in units.items() if self.low <= number * factor <= self.high]
        nearest = min(fits, key=lambda unit: abs(math.log(units[unit] / units[given])), default="")
        return f"{number:.6g} {nearest}" if nearest else ""

    def _text(self, value: float) -> str:
        if self.kind == "share":
            return f"{100 * value:.6g} %"
        if self.kind == "dB":
            return f"{value:g} dB"
        units = _UNITS.get(self.kind)
        if units is None:
            return f"{value:g}"
        unit = _unit_of(value, units)
        return f"{value / units[unit]:.12g} {unit}"


_UNITS: Mapping[Kind, Mapping[str, float]] = {
    "bytes": {unit: factor for unit, factor in BYTES.items() if not unit.endswith("iB")},
    "milliseconds": {unit: factor for unit, factor in MILLISECONDS.items() if unit != "\u00b5s"},
}


def _unit_of(value: float, units: Mapping[str, float]) -> str:
    """Return the largest unit that a value has at least one of, or the smallest unit."""
    fits = [unit for unit in units if units[unit] <= value] or [min(units, key=lambda unit: units[unit])]
    return max(fits, key=lambda unit: units[unit])


SHARE = LimitRange.lowest(0.001, 1.0, "share")
"""A smallest share: even a guess among a thousand classes is right once in a thousand times."""

DROP = LimitRange.largest(0.0, 0.9, "share")
"""A largest loss of a share: a network that guesses among ten classes has lost 90 %."""

_RATIO = LimitRange.largest(0.001, LARGEST_RATIO, "ratio")
_OPERATIONS = LimitRange.largest(0, 100_000, "count")
_ON_CHIP = LimitRange.largest(0, 100e9, "bytes")
_SQNR = LimitRange.lowest(0.0, 200.0, "dB")

BUDGETS: Mapping[str, LimitRange] = {
    "size": LimitRange.largest(64, 100e9, "bytes"),
    "accuracy": SHARE,
    "accuracy_drop": DROP,
    "unpruned_drop": DROP,
    "ap50": SHARE,
    "ap50_drop": DROP,
    "class_floor": SHARE,
    "latency_ratio": _RATIO,
    "baseline_latency_ratio": _RATIO,
    "latency": LimitRange.largest(0.001, 600_000.0, "milliseconds"),
    "memory": LimitRange.largest(1e6, 1e12, "bytes"),
    "instructions": LimitRange.largest(1000, 10**13, "count"),
    "float_ops": _OPERATIONS,
    "integer_macs": SHARE,
    "transposes": _OPERATIONS,
    "npu_coverage": SHARE,
    "cpu_ops": _OPERATIONS,
    "subgraphs": _OPERATIONS,
    "cycles": LimitRange.largest(0, 10**13, "count"),
    "sram": _ON_CHIP,
    "flash": _ON_CHIP,
    "arena": LimitRange.largest(256, 4 * 2**30, "bytes"),
}
"""The ranges of the fields of ``Budgets``, and of the section ``search.budgets``, which has some of them."""

LINKS: Mapping[str, LimitRange] = {
    "conversion_sqnr_db": _SQNR,
    "quantization_sqnr_db": _SQNR,
    "quantization_agreement": SHARE,
    "quantization_map_sqnr_db": _SQNR,
    "quantization_collapsed": DROP,
    "quantization_score_levels": LimitRange.lowest(2, 65_536, "number"),
    "kernels_gap_db": LimitRange.largest(0.0, 60.0, "dB"),
    "kernels_ample_db": LimitRange.lowest(10.0, 200.0, "dB"),
    "kernels_agreement": SHARE,
    "kernels_max_abs": LimitRange.largest(0.0, 1e6, "number"),
    "kernels_max_steps": LimitRange.largest(0, 254, "number"),
    "task_drop": DROP,
}
"""The ranges of the fields of ``VerificationLimits``."""


class BoundedSchema(Schema):
    """A schema whose fields are limits, each with a range in the tables of this module."""

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_meant(cls, value: Any, info: ValidationInfo) -> Any:
        known = {**BUDGETS, **LINKS}.get(info.field_name or "")
        if known is not None and is_written(info):
            for where, limit in _limits(value):
                mistake = known.mistake(limit)
                if mistake is not None:
                    raise ValueError(f"{where}{mistake}")
        return value


def _limits(value: Any) -> Iterator[tuple[str, float]]:
    """Yield the limits of a field, with the name of the CPU or device before each of several."""
    if isinstance(value, dict):
        for name, limit in value.items():
            yield f"{name}: ", limit
    elif value is not None:
        yield "", value
