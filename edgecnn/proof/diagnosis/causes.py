"""The suspected cause of a layer's error, as far as its numbers show it, and the change that repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import JsonValue

if TYPE_CHECKING:
    from edgecnn.core.documents.diagnosis import ChannelFacts, LayerDiagnosis, RangeFacts, WeightFacts

_GAP_DB, _GAP_STEPS = 3.0, 4.0
"""Shipping kernels may round differently by a few steps; more, together with a loss, is other arithmetic."""

_CLIPPED_MUCH = 0.02
_CLIPPED, _NARROW = 0.002, 0.7
"""A range that clips a few outliers is often better; to be suspect it must clip many values, or far ones."""

_WIDE = 2.5
_OUTLIER = 8.0
_NOTABLE_SHARE = 0.1

Suspicion = tuple[str, dict[str, JsonValue]]


def suspect(layer: LayerDiagnosis, host_isa: str, *, saturates: bool) -> Suspicion | None:
    """Return the suspected cause for a layer and the keys of the target that repair it.

    Args:
        layer: The layer, with its share of the error.
        host_isa: Instruction set of the machine that executed it.
        saturates: Whether the runtime's int8 kernels saturate on that instruction set.
    """
    if layer.problem is not None:
        return None
    return (
        _changed_weights(layer)
        or _kernel(layer, host_isa, saturates=saturates)
        or _clips(layer.range)
        or _too_wide(layer.range)
        or _dominated(layer.channels, layer.weights)
        or _few_bits(layer)
    )


def _kept_in_float(layer: LayerDiagnosis) -> dict[str, JsonValue]:
    return {} if layer.module is None else {"quantize": {"float_layers": [layer.module]}}


def _changed_weights(layer: LayerDiagnosis) -> Suspicion | None:
    weights = layer.weights
    if weights is None or not weights.changed:
        return None
    first, count = weights.changed[0], len(weights.changed)
    which = f"channel {first} is" if count == 1 else f"{count} channels, {first} first, are"
    times = f"{weights.gain:.3g} times" if abs(weights.gain - 1.0) > 0.1 else "not"
    cause = f"its weights changed: in the int8 file {which} {times} the float file's"
    return cause, _kept_in_float(layer)


def _kernel(layer: LayerDiagnosis, host_isa: str, *, saturates: bool) -> Suspicion | None:
    if not (layer.kernel_gap_db > _GAP_DB and layer.kernel_gap_steps > _GAP_STEPS):
        return None
    gap = f"{layer.kernel_gap_db:.0f} dB, up to {layer.kernel_gap_steps:.0f} steps"
    if saturates:
        cause = f"its kernel saturates on this CPU ({host_isa}): shipping execution loses {gap}"
        return cause, {"isa": host_isa}
    cause = f"its shipping kernel computes differently from the reference: it loses {gap}"
    return cause, _kept_in_float(layer)


def _clips(bounds: RangeFacts | None) -> Suspicion | None:
    if bounds is None or not (
        bounds.clipped > _CLIPPED_MUCH or (bounds.clipped > _CLIPPED and bounds.excess < _NARROW)
    ):
        return None
    cause = (
        f"its range [{bounds.low:.4g}, {bounds.high:.4g}] clips {100 * bounds.clipped:.2g} % of the values, "
        f"which reach from {bounds.seen_low:.4g} to {bounds.seen_high:.4g}"
    )
    return cause, {"quantize": {"ranges": "extremes"}}


def _too_wide(bounds: RangeFacts | None) -> Suspicion | None:
    if bounds is None or bounds.excess <= _WIDE:
        return None
    cause = (
        f"its range [{bounds.low:.4g}, {bounds.high:.4g}] is {bounds.excess:.3g} times wider than the "
        f"values, which reach from {bounds.seen_low:.4g} to {bounds.seen_high:.4g}"
    )
    return cause, {"quantize": {"ranges": "search"}}


def _dominated(channels: ChannelFacts | None, weights: WeightFacts | None) -> Suspicion | None:
    if channels is None or channels.widest_ratio <= _OUTLIER:
        return None
    if weights is not None and weights.outlier == channels.widest and weights.outlier_ratio > _OUTLIER:
        what = (
            f"one weight channel dominates: channel {weights.outlier} has {weights.outlier_ratio:.3g} times "
            "the weights of the median channel"
        )
    else:
        what = (
            f"one channel dominates: channel {channels.widest} spans {channels.widest_ratio:.3g} times the "
            "median channel"
        )
    return f"{what}, which leaves few levels for the others", {"quantize": {"method": "equalize"}}


def _few_bits(layer: LayerDiagnosis) -> Suspicion | None:
    if layer.effect_share <= _NOTABLE_SHARE:
        return None
    return "nothing about it is unusual: 8 bits are not enough for it", _kept_in_float(layer)
