"""Range estimation: where ranges lie, and how their reach is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.quantization.ranges import BLENDS, MIN_TO_CHOOSE, UNTRIED, Observations, Range, choose, estimate
from edgecnn.quantization.sqnr import mean_sqnr_db, sqnr_db

_bounds = st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32)).map(
    lambda pair: (min(pair), max(pair))
)


def _observed(count: int, seed: int = 0) -> tuple[Observations, np.ndarray]:
    """Values of one tensor in ``count`` images, with one image far out, and what was observed of them."""
    values = np.random.default_rng(seed).normal(0.0, 1.0, (count, 200)).astype(np.float32)
    values[0] *= 12.0
    seen = Observations.gather({"x": (float(row.min()), float(row.max()))} for row in values)
    return seen, values


def _quantized(values: np.ndarray, bounds: Range) -> np.ndarray:
    step = (bounds.high - bounds.low) / 255
    quantized: np.ndarray = (
        np.rint((np.clip(values, bounds.low, bounds.high) - bounds.low) / step) * step + bounds.low
    ).astype(np.float32)
    return quantized


@given(st.lists(_bounds, min_size=1, max_size=20), st.floats(0.0, 1.0))
def test_a_range_lies_between_average_and_extremes(rows: list[tuple[float, float]], extremes: float) -> None:
    seen = Observations.gather({"x": row} for row in rows)
    bounds = estimate(seen, (), extremes)["x"]
    lows, highs = (np.array(side, np.float32).astype(np.float64) for side in zip(*rows, strict=True))
    slack = 1e-6 * max(1.0, np.abs([lows, highs]).max())
    assert lows.min() - slack <= bounds.low <= lows.mean() + slack
    assert highs.mean() - slack <= bounds.high <= highs.max() + slack


def test_an_output_keeps_its_extremes_whatever_is_chosen_for_the_rest() -> None:
    seen = Observations.gather(
        [{"in": (0.0, 1.0), "out": (-1.0, 1.0)}, {"in": (0.0, 9.0), "out": (-7.0, 2.0)}]
    )
    assert estimate(seen, ("out",), 0.0) == {"in": Range(0.0, 5.0), "out": Range(-7.0, 2.0)}


def test_the_order_of_the_images_does_not_matter() -> None:
    seen, _ = _observed(20)
    backwards = seen.of(range(19, -1, -1))
    assert estimate(seen, (), 0.3)["x"].high == pytest.approx(estimate(backwards, (), 0.3)["x"].high)


@pytest.mark.parametrize("outlier_matters", [False, True])
def test_held_out_images_decide_how_far_ranges_reach(outlier_matters: bool) -> None:
    """An image far out is in the fitted part; what the network makes of such values decides."""
    seen, values = _observed(60)
    if outlier_matters:
        values[2::3] *= 6.0  # the held-out images reach as far as the outlier
    choice = choose(
        seen,
        (),
        BLENDS,
        [(row,) for row in values],
        lambda ranges, images: [(_quantized(values[i], ranges["x"]),) for i in images],
    )
    assert set(choice.held_out_sqnr_db) == set(BLENDS)
    assert choice.method == (1.0 if outlier_matters else 0.0)
    assert choice.ranges == estimate(seen, (), choice.method), "the ranges must come from all images"


def test_held_out_images_are_not_fitted() -> None:
    seen, values = _observed(18)
    high: list[float] = []

    def quantized(ranges: dict[str, Range], images: object) -> list[tuple[np.ndarray]]:
        high.append(ranges["x"].high)
        return [(values[i],) for i in range(2, 18, 3)]

    spread = np.array(seen.high)
    spread[2::3] = 1000.0
    choose(Observations(seen.names, seen.low, spread), (), BLENDS, [(row,) for row in values], quantized)
    assert max(high) < 1000.0


def test_too_few_images_are_not_split() -> None:
    seen, values = _observed(MIN_TO_CHOOSE - 1)
    choice = choose(
        seen, (), BLENDS, [(row,) for row in values], lambda *_: pytest.fail("nothing is to be tried")
    )
    assert (choice.method, choice.held_out_sqnr_db) == (UNTRIED, {})


def test_every_output_counts_alike_in_the_choice() -> None:
    """Boxes in the hundreds must not hide what a range does to the scores beside them."""
    truth = [(np.array([300.0, 400.0], np.float32), np.array([0.3, 0.4], np.float32))] * 2
    coarse_boxes = [(np.array([290.0, 400.0], np.float32), np.array([0.3, 0.4001], np.float32))] * 2
    dead_scores = [(np.array([300.0, 400.1], np.float32), np.array([0.0, 0.0], np.float32))] * 2
    assert mean_sqnr_db(truth, coarse_boxes) > mean_sqnr_db(truth, dead_scores) + 10
    assert (
        mean_sqnr_db(
            [(np.array([1.0], np.float32), np.array([0.0], np.float32))],
            [(np.array([1.0], np.float32), np.array([1.0], np.float32))],
        )
        == -np.inf
    )


def test_a_tensor_that_is_not_finite_is_named() -> None:
    with pytest.raises(InputError, match="tensor conv_3 holds values that are not finite"):
        Observations.gather([{"ok": (0.0, 1.0), "conv_3": (0.0, float("nan"))}])


def test_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="no calibration image"):
        Observations.gather([])


def test_sqnr_of_equal_and_of_silent_signals() -> None:
    some, none = [np.array([1.0, 2.0], np.float32)], [np.array([0.0, 0.0], np.float32)]
    assert sqnr_db(some, some) == np.inf
    assert sqnr_db(none, some) == -np.inf


def test_what_only_a_gate_reads_is_cut_below() -> None:
    samples = {"small": [np.array([-100, 2], np.float32)], "wide": [np.array([-100, 50], np.float32)]}
    seen = Observations.gather([{"small": (-100.0, 2.0), "wide": (-100.0, 50.0), "b": (-9.0, 1.0)}], samples)
    cut = seen.above(("small", "wide"), 6.0)
    assert estimate(cut, (), 1.0) == {
        "small": Range(-6.0, 2.0),
        "wide": Range(-50.0, 50.0),
        "b": Range(-9.0, 1.0),
    }
    assert cut.samples["small"][0].tolist() == [-6.0, 2.0]
    assert seen.low.min() == -100.0, "the observations themselves stay"


def test_a_map_is_judged_where_it_is_high() -> None:
    """A cut of the few high scores hardly shows in the error of the whole map."""
    scores = np.random.default_rng(0).normal(-8, 1, 5000).astype(np.float32)
    scores[:20] = 3.0
    cut, coarse = scores.clip(max=0.0), (np.rint(scores * 2) / 2).astype(np.float32)
    boxes = np.ones(4, np.float32)
    boxes[0] = 0.0
    near = (boxes + 0.01).astype(np.float32)
    truth = [(scores, boxes)]
    assert mean_sqnr_db(truth, [(coarse, near)]) > mean_sqnr_db(truth, [(cut, near)]) + 6
