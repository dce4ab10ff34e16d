"""Search for the largest share of multiply-accumulates at which a measured value meets its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.core.documents.pruning import PruningProbe

TOLERANCE = 0.03
"""A value that is below the limit by less than this share is close enough."""

MOST = 7
_NARROW = 0.02
_MARGIN = 0.1


def find_share(
    measure: Callable[[float], PruningProbe], limit: float, *, whole: float
) -> tuple[PruningProbe | None, list[PruningProbe]]:
    """Prune and measure until a value is just below a limit (regula falsi, else bisection).

    Args:
        measure: Prunes to at most a share of the multiply-accumulates, and measures the network.
        limit: Largest allowed value.
        whole: The unpruned network's value.

    Returns:
        The probe with the largest share within the limit, or None; and all probes in their order.
    """
    if whole <= limit:
        probe = measure(1.0)
        return probe, [probe]
    low, high = (0.0, 0.0), (1.0, whole)
    probes: list[PruningProbe] = []
    best: PruningProbe | None = None
    while len(probes) < MOST and high[0] - low[0] > _NARROW:
        sides = [earlier.value > limit for earlier in probes[-2:]]
        creeps = len(sides) == 2 and sides[0] == sides[1]
        probe = measure((low[0] + high[0]) / 2 if creeps else _next(low, high, limit))
        probes.append(probe)
        if probe.value > limit:
            high = (probe.asked, probe.value)
            if probe.at_least:
                break
            continue
        low = (probe.asked, probe.value)
        if best is None or probe.share > best.share:
            best = probe
        if probe.value >= (1.0 - TOLERANCE) * limit:
            break
    if best is None and not probes[-1].at_least:
        probes.append(measure(0.0))
        best = probes[-1] if probes[-1].value <= limit else None
    return best, probes


def _next(low: tuple[float, float], high: tuple[float, float], limit: float) -> float:
    """Return the share at which a straight line between both ends is just below the limit.

    >>> round(_next((0.0, 0.0), (1.0, 1.0), 0.5), 4)
    0.4925
    """
    (share, value), (other, top) = low, high
    aim = (1.0 - TOLERANCE / 2) * limit
    place = (aim - value) / (top - value) if top > value else 0.5
    return share + (other - share) * min(max(place, _MARGIN), 1.0 - _MARGIN)
