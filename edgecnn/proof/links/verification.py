"""Links 0 to 4 of the verification chain: from the user's file to the task metric that ships.

0. import: the network that was made of a file, against that file in its own runtime;
1. conversion: the float file in its runtime against torch;
2. quantization: the target's file in reference execution against the float file;
3. kernels: the target's file in shipping execution against its reference execution;
4. task: the task metric in shipping execution, paired with fp32 on the same images.

Each link compares a single step, so the first broken link names the step. The functions take outputs that
were computed before; they run nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.core.documents.link import Bound, Link
from edgecnn.proof.accuracy.classification import agreement
from edgecnn.proof.links.limits import IMPORT_SQNR_DB
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


def judge_outputs(names: Sequence[str], judge: Callable[[int], Link]) -> Link:
    """Judge every output of a network separately and return the link of the worst, which names it.

    Args:
        names: Names of the outputs.
        judge: Judges the output at an index.
    """
    links = {name: judge(place) for place, name in enumerate(names)}
    if len(links) == 1:
        return links[names[0]]
    ratios = {name: link.metrics["sqnr_db"] for name, link in links.items()}
    worst = min(links, key=lambda name: (links[name].passed, not math.isnan(ratios[name]), ratios[name]))
    return links[worst].model_copy(update={"output": worst, "outputs": ratios})


def verify_import(file_outputs: Outputs, torch_outputs: Outputs, compared: str) -> Link:
    """Return link 0: an output of the network that was made of a file, against that of the file.

    Args:
        file_outputs: The file's, float32 ``[N, ...]``.
        torch_outputs: The network's, of the same shape.
        compared: The two things that are compared, for messages.
    """
    close = closeness(*centred(file_outputs, torch_outputs))
    return Link(
        number=0,
        name="import",
        compared=compared,
        metrics={
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "peak": close.peak,
            "images": len(file_outputs),
            **_agreement(file_outputs, torch_outputs),
        },
        limits={"sqnr_db": Bound(at_least=IMPORT_SQNR_DB)},
    )


def verify_conversion(torch_outputs: Outputs, float_outputs: Outputs, limits: Limits) -> Link:
    """Return link 1: an output of the float file in its runtime against torch, both float32 ``[N, ...]``."""
    close = closeness(*centred(torch_outputs, float_outputs))
    link = Link(
        number=1,
        name="conversion",
        compared="the float file in its runtime against torch",
        metrics={
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "peak": close.peak,
            "correlation": close.correlation,
            **_agreement(torch_outputs, float_outputs),
        },
        limits={"sqnr_db": Bound(at_least=limits.conversion_sqnr_db)},
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
    """Return link 2: an output in reference execution against the float file's, float32 ``[N, ...]``."""
    close, alive = closeness(*centred(float_outputs, reference_outputs)), health(reference_outputs)
    is_map = float_outputs.ndim != SCORES
    lost = collapsed(float_outputs, reference_outputs)
    crowding = {"collapsed": lost} if is_map else {"clipped": alive.clipped, "tied": alive.tied}
    link = Link(
        number=2,
        name="quantization",
        compared="the file in reference execution against the float file",
        metrics={
            "sqnr_db": close.sqnr_db,
            "max_abs": close.max_abs,
            "correlation": close.correlation,
            **_agreement(float_outputs, reference_outputs),
            **crowding,
        },
        limits=_quantization_bounds(limits, is_map=is_map),
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
            "sqnr_db": Bound(at_least=limits.quantization_map_sqnr_db),
            "collapsed": Bound(at_most=limits.quantization_collapsed),
        }
    return {
        "sqnr_db": Bound(at_least=limits.quantization_sqnr_db),
        "agreement": Bound(at_least=limits.quantization_agreement),
    }


def verify_kernels(
    float_outputs: Outputs,
    reference_outputs: Outputs,
    shipping_outputs: Outputs,
    limits: Limits,
    isa: Isa | None,
    step: float | None = None,
) -> Link:
    """Return link 3: one file in shipping against reference execution, both also against the float file.

    Two correct implementations of a quantized network differ by rounding, so their distance from each other
    says little; a wrong kernel shows in an output that is *further from the float file* than the reference's.

    Args:
        float_outputs: Outputs of the float file, float32 ``[N, ...]``.
        reference_outputs: Outputs of the target's file in reference execution.
        shipping_outputs: Outputs of the same file in shipping execution.
        limits: Limits of the link.
        isa: Instruction set of the machine that ran an integer file, which may explain the gap; None for a
            float
        file, or if it is unknown.
        step: Value of one step of the integer output; None if the file does not contain it.
    """
    reference = closeness(*centred(float_outputs, reference_outputs))
    shipping, alive = closeness(*centred(float_outputs, shipping_outputs)), health(shipping_outputs)
    between = closeness(*centred(reference_outputs, shipping_outputs))
    same = _agreement(reference_outputs, shipping_outputs)
    link = Link(
        number=3,
        name="kernels",
        compared="the file in shipping execution against reference execution",
        metrics={
            "gap_db": _gap(reference.sqnr_db, shipping.sqnr_db, limits.kernels_ample_db),
            **same,
            "sqnr_db": between.sqnr_db,
            "max_abs": between.max_abs,
            "reference_sqnr_db": reference.sqnr_db,
            "shipping_sqnr_db": shipping.sqnr_db,
            **({} if step is None else {"max_steps": round(between.max_abs / step, 3)}),
        },
        limits={
            "gap_db": Bound(at_most=limits.kernels_gap_db),
            **dict.fromkeys(same, Bound(at_least=limits.kernels_agreement)),
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
        _dead(alive) or saturation or "a kernel of the shipping runtime does not compute what the file says",
    )


def _agreement(one: Outputs, other: Outputs) -> dict[str, float]:
    """Return the share of images with the same class; empty for maps."""
    return {"agreement": agreement(one, other)} if one.ndim == SCORES else {}


def _upper(metric: str, limit: float) -> dict[str, Bound]:
    """Return an upper bound on a metric, by its name; empty if the limit is infinite."""
    return {metric: Bound(at_most=limit)} if math.isfinite(limit) else {}


def task_cause(link: Link, truth: Sequence[Outputs], shipped: Sequence[Outputs]) -> Link:
    """Return link 4, with its likely cause from every output of both networks if it is broken."""
    if link.passed:
        return link
    alive = [health(output) for output in shipped]
    causes = [_dead(one) for one in alive]
    causes += [_crowded(one, health(before)) for one, before in zip(alive, truth, strict=True)]
    usual = "the network loses accuracy at this precision; links 2 and 3 say how much of it where"
    return link.model_copy(update={"cause": next(filter(None, causes), usual)})


def first_broken(links: list[Link]) -> Link | None:
    """Return the first broken link: later ones only repeat its error."""
    return next((link for link in sorted(links, key=lambda link: link.number) if not link.passed), None)


def _with_cause(link: Link, cause: str) -> Link:
    return link if link.passed else link.model_copy(update={"cause": cause})


def _gap(reference_db: float, shipping_db: float, ample_db: float) -> float:
    """Return the loss of shipping execution; beyond ``ample_db`` both are as good as the float file."""
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
