"""Links 1 to 4 of the verification chain: from the trained network to the task metric that ships.

1. conversion: the float file in its runtime against torch;
2. quantization: the target's file in reference execution against the float file;
3. kernels: the target's file in shipping execution against its reference execution;
4. task: the task metric in shipping execution, paired with fp32 on the same images.

Each link compares one step only, so the first that breaks names the step. The functions take outputs that
were already produced; they run nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgecnn.measure.accuracy import agreement, paired_difference, top_k_hits
from edgecnn.measure.signal import Closeness, Health, closeness, health

if TYPE_CHECKING:
    from edgecnn.measure.accuracy import Labels, Outputs
    from edgecnn.measure.limits import Limits
    from edgecnn.runtimes.isa import Isa

_UNRELATED = 0.3
_CLIPPED = 0.05
_TIED = 0.05


@dataclass(frozen=True)
class Bound:
    """A limit on a metric.

    Attributes:
        limit: The value.
        at_least: The metric must reach it; otherwise it must not exceed it.
    """

    limit: float
    at_least: bool

    def holds(self, value: float) -> bool:
        """Say whether a value is within the limit; NaN never is."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


@dataclass(frozen=True)
class Link:
    """One link of the chain, judged.

    Attributes:
        number: 1 to 4.
        name: ``conversion``, ``quantization``, ``kernels`` or ``task``.
        compared: What was compared with what.
        metrics: Everything measured.
        limits: Bounds on some of the metrics.
        cause: The likely cause where the link is broken, else empty.
    """

    number: int
    name: str
    compared: str
    metrics: dict[str, float]
    limits: dict[str, Bound]
    cause: str = field(default="")

    @property
    def passed(self) -> bool:
        """Whether every limit holds."""
        return not self.broken

    @property
    def broken(self) -> tuple[str, ...]:
        """Metrics that miss their limit."""
        return tuple(name for name, bound in self.limits.items() if not bound.holds(self.metrics[name]))

    def message(self) -> str:
        """Return one line: the link, its numbers beside their limits and, where broken, the likely cause."""
        shown = self.broken or tuple(self.limits)
        numbers = ", ".join(f"{name} {self.metrics[name]:.4g} ({self.limits[name]})" for name in shown)
        verdict = "holds" if self.passed else "is broken"
        cause = f"; likely cause: {self.cause}" if self.cause else ""
        return f"link {self.number} ({self.name}) {verdict}: {self.compared}: {numbers}{cause}"

    def to_json(self) -> dict[str, Any]:
        """Return the link as plain data; JSON has no infinity, so such a number is written as a string."""
        return {
            "number": self.number,
            "name": self.name,
            "compared": self.compared,
            "passed": self.passed,
            "metrics": {name: _json_number(value) for name, value in self.metrics.items()},
            "limits": {
                name: {"at_least" if bound.at_least else "at_most": bound.limit}
                for name, bound in self.limits.items()
            },
            "cause": self.cause,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Link:
        """Rebuild a link from :meth:`to_json`."""
        return cls(
            number=int(data["number"]),
            name=str(data["name"]),
            compared=str(data["compared"]),
            metrics={name: float(value) for name, value in data["metrics"].items()},
            limits={
                name: Bound(float(next(iter(bound.values()))), "at_least" in bound)
                for name, bound in data["limits"].items()
            },
            cause=str(data["cause"]),
        )


def verify_conversion(torch_outputs: Outputs, float_outputs: Outputs, limits: Limits) -> Link:
    """Link 1: the float file in its runtime against torch, both float32 ``[N, ...]``."""
    close, alive = closeness(torch_outputs, float_outputs), health(float_outputs)
    link = Link(
        1,
        "conversion",
        "the float file in its runtime against torch",
        {
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "peak": close.peak,
            "correlation": close.correlation,
            "agreement": agreement(torch_outputs, float_outputs),
        },
        {"sqnr_db": Bound(limits.conversion_sqnr_db, at_least=True)},
    )
    return _with_cause(
        link,
        _dead(alive) or _unrelated(close) or "an operation was converted to different arithmetic",
    )


def verify_quantization(float_outputs: Outputs, reference_outputs: Outputs, limits: Limits) -> Link:
    """Link 2: the target's file in reference execution against the float file, both float32 ``[N, ...]``."""
    close, alive = closeness(float_outputs, reference_outputs), health(reference_outputs)
    link = Link(
        2,
        "quantization",
        "the file in reference execution against the float file",
        {
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "correlation": close.correlation,
            "agreement": agreement(float_outputs, reference_outputs),
            "clipped": alive.clipped,
            "tied": alive.tied,
        },
        {
            "sqnr_db": Bound(limits.quantization_sqnr_db, at_least=True),
            "agreement": Bound(limits.quantization_agreement, at_least=True),
        },
    )
    return _with_cause(
        link,
        _dead(alive)
        or _unrelated(close)
        or _crowded(alive, health(float_outputs))
        or "some layer's range or precision does not fit its values",
    )


def verify_kernels(
    float_outputs: Outputs,
    reference_outputs: Outputs,
    shipping_outputs: Outputs,
    limits: Limits,
    isa: Isa | None,
    step: float | None = None,
) -> Link:
    """Link 3: one file in shipping against reference execution, both also against the float file.

    Two right implementations of one quantized network differ by rounding, so their distance from each other
    says little; that one is *further from the float file* than the other is what a wrong kernel does.

    Args:
        float_outputs: The float file, float32 ``[N, ...]``.
        reference_outputs: The target's file in reference execution.
        shipping_outputs: The same file in shipping execution.
        limits: What is allowed.
        isa: Instruction set of the machine that ran it, for an integer file: it may explain the
            gap. None for a float file, or where it is not known.
        step: What one step of the integer output stands for; None where the file does not tell.
    """
    reference = closeness(float_outputs, reference_outputs)
    shipping, alive = closeness(float_outputs, shipping_outputs), health(shipping_outputs)
    between = closeness(reference_outputs, shipping_outputs)
    link = Link(
        3,
        "kernels",
        "the file in shipping execution against reference execution",
        {
            "gap_db": _gap(reference.sqnr_db, shipping.sqnr_db, limits.kernels_ample_db),
            "agreement": agreement(reference_outputs, shipping_outputs),
            "sqnr_db": between.sqnr_db,
            "max_abs": between.max_abs,
            "reference_sqnr_db": reference.sqnr_db,
            "shipping_sqnr_db": shipping.sqnr_db,
            **({} if step is None else {"max_steps": round(between.max_abs / step, 3)}),
        },
        {
            "gap_db": Bound(limits.kernels_gap_db, at_least=False),
            "agreement": Bound(limits.kernels_agreement, at_least=True),
            **_upper("max_abs", limits.kernels_max_abs),
            **({} if step is None else _upper("max_steps", limits.kernels_max_steps)),
        },
    )
    saturation = (
        f"int8 products saturate on {isa.name}, which has no VNNI: quantize weights to 7 bits (reduce_range)"
        if isa is not None and isa.int8_saturates
        else ""
    )
    return _with_cause(
        link,
        _dead(alive)
        or saturation
        or "a kernel of the shipping runtime computes something else than the file says",
    )


def _upper(metric: str, limit: float) -> dict[str, Bound]:
    """Return an upper bound on a metric, by its name; none where it is infinite."""
    return {metric: Bound(limit, at_least=False)} if math.isfinite(limit) else {}


def verify_task(float_outputs: Outputs, shipping_outputs: Outputs, labels: Labels, limits: Limits) -> Link:
    """Link 4: top-1 accuracy in shipping execution against fp32, on the same images.

    Args:
        float_outputs: The float file, float32 ``[N, classes]``.
        shipping_outputs: The target's file in shipping execution, the same shape.
        labels: int64 ``[N]``.
        limits: What is allowed; the limit is on the measured drop, and the interval is shown beside it.
    """
    paired = paired_difference(top_k_hits(shipping_outputs, labels), top_k_hits(float_outputs, labels))
    link = Link(
        4,
        "task",
        f"top-1 in shipping execution against fp32 on the same {paired.images} images",
        {
            "drop": 0.0 - paired.difference,  # not -x: there is no drop of minus nothing
            "drop_low": 0.0 - paired.high,
            "drop_high": 0.0 - paired.low,
            "top1": paired.candidate,
            "fp32_top1": paired.baseline,
            "p_value": paired.p_value,
            "agreement": agreement(float_outputs, shipping_outputs),
            "images": float(paired.images),
        },
        {"drop": Bound(limits.task_drop, at_least=False)},
    )
    alive = health(shipping_outputs)
    return _with_cause(
        link,
        _dead(alive)
        or _crowded(alive, health(float_outputs))
        or "the network loses accuracy at this precision; links 2 and 3 say how much of it where",
    )


def first_broken(links: list[Link]) -> Link | None:
    """Return the first broken link: later ones only repeat its error."""
    return next((link for link in sorted(links, key=lambda link: link.number) if not link.passed), None)


def _with_cause(link: Link, cause: str) -> Link:
    if link.passed:
        return link
    return Link(link.number, link.name, link.compared, link.metrics, link.limits, cause)


def _gap(reference_db: float, shipping_db: float, ample_db: float) -> float:
    """Return how much shipping execution loses; beyond ``ample_db`` both are as good as the float file."""
    return min(reference_db, ample_db) - min(shipping_db, ample_db)


def _dead(alive: Health) -> str:
    if not alive.finite:
        return "outputs hold NaN or infinity: an overflow in 16 bits, or broken weights"
    if alive.constant:
        return "every image gets the same outputs: a dead layer, or the images never reach the input"
    return ""


def _unrelated(close: Closeness) -> str:
    if close.correlation >= _UNRELATED:
        return ""
    return (
        f"outputs are unrelated (correlation {close.correlation:.2f}): preprocessing, layout or colour order "
        "differ, or the weights do"
    )


def _crowded(alive: Health, before: Health) -> str:
    if alive.clipped - before.clipped > _CLIPPED:
        return f"{alive.clipped:.0%} of the images reach the end of the output's range: it is too narrow"
    if alive.tied - before.tied > _TIED:
        return f"the largest output ties in {alive.tied:.0%} of the images: the output's range is too wide"
    return ""


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
