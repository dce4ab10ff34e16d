import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.proof.latency.warmup import LEAST, settled_after


def series(warm: int, steady: int, *, seed: int) -> np.ndarray:
    """Times in ns: a warm-up that falls towards 10 ms, then noise of 3 % with one interruption in 20."""
    random = np.random.default_rng(seed)
    falling = 10e6 * (1 + 4 * np.exp(-np.arange(warm) / max(warm / 3, 1)))
    flat = 10e6 * random.normal(1, 0.03, steady)
    flat[random.random(steady) < 0.05] *= 3
    return np.concatenate([falling, flat]).astype(np.int64)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("warm", [3, 10, 25])
def test_the_end_of_a_warm_up_is_found(warm: int, seed: int) -> None:
    found = settled_after(series(warm, 75, seed=seed))
    assert found is not None
    assert warm * 0.4 <= found <= warm + 25, f"a warm-up of {warm} was found to be {found} long"


@pytest.mark.parametrize("seed", range(5))
def test_a_series_that_still_falls_has_not_settled(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(1, 0.01, 60)
    assert settled_after((np.linspace(30e6, 10e6, 60) * noise).astype(np.int64)) is None


def test_few_times_say_nothing() -> None:
    assert settled_after(np.full(LEAST - 1, 5)) is None
    assert settled_after(np.full(LEAST, 5)) == 0


@given(st.lists(st.integers(1, 10**12), max_size=120))
def test_any_series_is_cut_within_its_first_half_or_not_at_all(times: list[int]) -> None:
    found = settled_after(np.array(times, np.int64))
    assert found is None or 0 <= found <= len(times) / 2 + 1
