import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgecnn.backends.dissection import Grid
from edgecnn.proof.diagnosis.accumulators import Noise, Span, Votes
from edgecnn.proof.links.output_distance import sqnr_db

FLOATS = st.floats(-100, 100, width=32)


@given(arrays.arrays(np.float32, (6, 4), elements=FLOATS), arrays.arrays(np.float32, (6, 4), elements=FLOATS))
def test_noise_added_up_is_noise_at_once(want: np.ndarray, have: np.ndarray) -> None:
    tally = Noise()
    for one, other in zip(want, have, strict=True):
        tally.add(one, other)
    whole = sqnr_db(want, have)
    if math.isfinite(whole):
        assert math.isclose(tally.db, whole, rel_tol=1e-6, abs_tol=1e-6)
    else:
        assert tally.db == whole or math.isnan(tally.db)


@given(
    arrays.arrays(np.float32, (3, 1, 2, 5), elements=FLOATS),
    st.floats(-50, 0, width=32),
    st.floats(0.5, 50, width=32),
)
def test_a_span_counts_exactly_what_the_grid_moves_by_more_than_half_a_step(
    values: np.ndarray, low: float, high: float
) -> None:
    grid = Grid(np.array(low, np.float32), np.array(high, np.float32), 256)
    span = Span(axis=1)
    for value in values:
        span.add(value, grid)
    moved = np.abs(values - grid.snap(values)) > grid.step * (0.5 + 1e-3)
    assert span.low is not None
    assert span.high is not None
    assert span.low.tolist() == values.min(axis=(0, 1, 3)).tolist()
    assert span.high.tolist() == values.max(axis=(0, 1, 3)).tolist()
    near = np.count_nonzero(np.abs(np.abs(values - grid.snap(values)) - grid.step / 2) <= 1e-3 * grid.step)
    assert abs(span.clipped - int(moved.sum())) <= near


def test_channels_of_the_last_axis() -> None:
    span = Span(axis=-1)
    span.add(np.array([[[[1, 5], [2, -5]]]], np.float32), None)
    assert span.low is not None
    assert span.low.tolist() == [1, -5]
    assert span.clipped == 0


def test_votes_compare_classes_and_labels() -> None:
    votes = Votes()
    truth = [np.array([[0, 2, 1]], np.float32)]
    votes.add(truth, [np.array([[0, 2, 1]], np.float32)], 1)
    votes.add(truth, [np.array([[3, 2, 1]], np.float32)], 0)
    assert (votes.images, votes.agreed, votes.right) == (2, 1, 2)
    assert votes.noise.noise == 9


def test_nothing_has_no_ratio() -> None:
    assert math.isnan(Noise().db)
    assert Noise(signal=1.0).db == math.inf
    assert Noise(noise=1.0).db == -math.inf
