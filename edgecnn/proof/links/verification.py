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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from edgecnn.proof.accuracy.classification import agreement
from edgecnn.proof.links.output_distance import (
    SCORES,
    Closeness,
    Health,
    centred,
    closeness,
    collapsed,
    health,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.backends.worker.isa import Isa
    from edgecnn.proof.accuracy.classification import Outputs
    from edgecnn.proof.links.limits import Limits

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
        output: Name of the output that was judged, the worst of several; empty where there is one.
        outputs: Signal to quantization noise ratio of each of several outputs, in dB, by name.
    """

    number: int
    name: str
    compared: str
    metrics: dict[str, float]
    limits: dict[str, Bound]
    cause: str = ""
    output: str = ""
    outputs: dict[str, float] = field(default_factory=dict)

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
        where = f"output {self.output} of {self.compared}" if self.output else self.compared
        return f"link {self.number} ({self.name}) {verdict}: {where}: {numbers}{cause}"

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
            **self._of_several(),
        }

    def _of_several(self) -> dict[str, Any]:
        if not self.output:
            return {}
        return {
            "output": self.output,
            "outputs": {name: _json_number(value) for name, value in self.outputs.items()},
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
            output=str(data.get("output", "")),
            outputs={name: float(value) for name, value in data.get("outputs", {}).items()},
        )


def judge_outputs(names: Sequence[str], judge: Callable[[int], Link]) -> Link:
    """Judge every output of a network by itself and return the link of the worst, which names it.

    Args:
        names: Of the outputs.
        judge: Judges the output at a place.
    """
    links = {name: judge(place) for place, name in enumerate(names)}
    if len(links) == 1:
        return links[names[0]]
    ratios = {name: link.metrics["sqnr_db"] for name, link in links.items()}
    worst = min(links, key=lambda name: (links[name].passed, not math.isnan(ratios[name]), ratios[name]))
    return replace(links[worst], output=worst, outputs=ratios)


def verify_conversion(torch_outputs: Outputs, float_outputs: Outputs, limits: Limits) -> Link:
    """Link 1: one output of the float file in its runtime against torch, both float32 ``[N, ...]``."""
    close = closeness(*centred(torch_outputs, float_outputs))
    link = Link(
        1,
        "conversion",
        "the float file in its runtime against torch",
        {
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "peak": close.peak,
            "correlation": close.correlation,
            **_agreement(torch_outputs, float_outputs),
        },
        {"sqnr_db": Bound(limits.conversion_sqnr_db, at_least=True)},
    )
    if link.passed:
        return link
    return _with_cause(
        link,
        _dead(health(float_outputs))
        or _untrained(health(torch_outputs))
        or _unrelated(close)
        or "an operation was converted to different arithmetic",
    )


def verify_quantization(float_outputs: Outputs, reference_outputs: Outputs, limits: Limits) -> Link:
    """Link 2: an output in reference execution against that of the float file, both float32 ``[N, ...]``."""
    close, alive = closeness(*centred(float_outputs, reference_outputs)), health(reference_outputs)
    is_map = float_outputs.ndim != SCORES
    lost = collapsed(float_outputs, reference_outputs)
    crowding = {"collapsed": lost} if is_map else {"clipped": alive.clipped, "tied": alive.tied}
    link = Link(
        2,
        "quantization",
        "the file in reference execution against the float file",
        {
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "correlation": close.correlation,
            **_agreement(float_outputs, reference_outputs),
            **crowding,
        },
        _quantization_bounds(limits, is_map=is_map),
    )
    return _with_cause(
        link,
        _dead(alive)
        or (_collapsed(lost, limits) if is_map else "")
        or _unrelated(close)
        or ("" if is_map else _crowded(alive, health(float_outputs)))
        or "some layer's range or precision does not fit its values",
    )


def _quantization_bounds(limits: Limits, *, is_map: bool) -> dict[str, Bound]:
    if is_map:
        return {
            "sqnr_db": Bound(limits.quantization_map_sqnr_db, at_least=True),
            "collapsed": Bound(limits.quantization_collapsed, at_least=False),
        }
    return {
        "sqnr_db": Bound(limits.quantization_sqnr_db, at_least=True),
        "agreement": Bound(limits.quantization_agreement, at_least=True),
    }


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
    reference = closeness(*centred(float_outputs, reference_outputs))
    shipping, alive = closeness(*centred(float_outputs, shipping_outputs)), health(shipping_outputs)
    between = closeness(*centred(reference_outputs, shipping_outputs))
    same = _agreement(reference_outputs, shipping_outputs)
    link = Link(
        3,
        "kernels",
        "the file in shipping execution against reference execution",
        {
            "gap_db": _gap(reference.sqnr_db, shipping.sqnr_db, limits.kernels_ample_db),
            **same,
            "sqnr_db": between.sqnr_db,
            "max_abs": between.max_abs,
            "reference_sqnr_db": reference.sqnr_db,
            "shipping_sqnr_db": shipping.sqnr_db,
            **({} if step is None else {"max_steps": round(between.max_abs / step, 3)}),
        },
        {
            "gap_db": Bound(limits.kernels_gap_db, at_least=False),
            **dict.fromkeys(same, Bound(limits.kernels_agreement, at_least=True)),
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


def _agreement(one: Outputs, other: Outputs) -> dict[str, float]:
    """Return how often both name the same class; a map names none."""
    return {"agreement": agreement(one, other)} if one.ndim == SCORES else {}


def _upper(metric: str, limit: float) -> dict[str, Bound]:
    """Return an upper bound on a metric, by its name; none where it is infinite."""
    return {metric: Bound(limit, at_least=False)} if math.isfinite(limit) else {}


def task_cause(link: Link, truth: Sequence[Outputs], shipped: Sequence[Outputs]) -> Link:
    """Name the likely cause of a broken link 4, given every output of both networks."""
    alive = [health(output) for output in shipped]
    causes = [_dead(one) for one in alive]
    causes += [_crowded(one, health(before)) for one, before in zip(alive, truth, strict=True)]
    usual = "the network loses accuracy at this precision; links 2 and 3 say how much of it where"
    return _with_cause(link, next(filter(None, causes), usual))


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


def _untrained(network: Health) -> str:
    if not network.constant:
        return ""
    return "the network itself gives every image the same outputs: hardly trained, or dead in a layer"


def _unrelated(close: Closeness) -> str:
    if close.correlation >= _UNRELATED:
        return ""
    return (
        f"outputs are unrelated (correlation {close.correlation:.2f}): preprocessing, layout or colour order "
        "differ, or the weights do"
    )


def _collapsed(share: float, limits: Limits) -> str:
    if share <= limits.quantization_collapsed:
        return ""
    return (
        f"{share:.0%} of the output's channels hold hardly any distinct values: one scale serves values of "
        "very different sizes; give each kind an output of its own"
    )


def _crowded(alive: Health, before: Health) -> str:
    if alive.clipped - before.clipped > _CLIPPED:
        return f"{alive.clipped:.0%} of the images reach the end of the output's range: it is too narrow"
    if alive.tied - before.tied > _TIED:
        return f"the largest output ties in {alive.tied:.0%} of the images: the output's range is too wide"
    return ""


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
