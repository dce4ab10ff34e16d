from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.documents.pruning import PruningProbe
from edgecnn.pruning.search import MOST, TOLERANCE, find_share

if TYPE_CHECKING:
    from collections.abc import Callable


def bench(value: Callable[[float], float], least: float = 0.05) -> Callable[[float], PruningProbe]:
    """A measurement that is a function of what is left."""

    def measure(asked: float) -> PruningProbe:
        share = max(asked, least)
        return PruningProbe(asked=asked, share=share, value=value(share), at_least=share <= least)

    return measure


@given(st.floats(0.3, 0.95), st.floats(0.0, 0.25), st.floats(0.5, 2.0))
def test_a_smooth_measurement_is_met_closely(limit: float, fixed: float, bend: float) -> None:
    best, probes = find_share(bench(lambda left: fixed + (1 - fixed) * left**bend, 0.0), limit, whole=1.0)
    assert best is not None
    assert best.value <= limit
    assert best.value >= (1 - 4 * TOLERANCE) * limit or best.share < 0.1, "it is not pruned much too far"
    assert len(probes) <= MOST + 1


@given(st.floats(0.2, 0.9), st.integers(2, 12))
def test_steps_end_on_the_last_one_within(limit: float, steps: int) -> None:
    best, _ = find_share(bench(lambda left: round(left * steps) / steps, least=0.0), limit, whole=1.0)
    assert best is not None
    assert best.value <= limit


def test_a_limit_out_of_reach_ends_with_the_least() -> None:
    best, probes = find_share(bench(lambda left: 0.5 + 0.5 * left, least=0.3), 0.4, whole=1.0)
    assert best is None
    assert probes[-1].at_least
    assert min(probe.value for probe in probes) == pytest.approx(0.65)


def test_what_is_small_enough_is_left_whole() -> None:
    best, probes = find_share(bench(lambda left: 100 * left), 200.0, whole=100.0)
    assert best is not None
    assert (best.share, len(probes)) == (1.0, 1)
