"""Range estimators that look at the distribution of the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgecnn.quantization.estimators import DISTRIBUTION_ESTIMATORS, LEVELS, Estimator, Interval, mse_optimal

_ESTIMATORS = pytest.mark.parametrize(
    "estimator", DISTRIBUTION_ESTIMATORS.values(), ids=DISTRIBUTION_ESTIMATORS
)


def _squared_error(values: np.ndarray, interval: Interval) -> float:
    low, high = interval
    step = (high - low) / (LEVELS - 1)
    levels = np.rint((np.clip(values, low, high) - low) / step)
    return float(np.square(values - (levels * step + low)).mean())


@_ESTIMATORS
@given(values=arrays(np.float32, st.integers(1, 400), elements=st.floats(-1e4, 1e4, width=32)))
def test_an_interval_lies_within_the_values_or_reaches_zero(estimator: Estimator, values: np.ndarray) -> None:
    low, high = estimator(values)
    assert low <= high
    slack = 1e-3 * max(1.0, float(np.abs(values).max()))
    assert min(values.min(), 0.0) - slack <= low
    assert high <= max(values.max(), 0.0) + slack


@_ESTIMATORS
def test_a_single_outlier_is_cut(estimator: Estimator) -> None:
    values = np.array([*np.random.default_rng(0).normal(size=50_000), 400.0], np.float32)
    assert estimator(values)[1] < 390.0


@_ESTIMATORS
def test_values_that_fill_their_range_keep_it(estimator: Estimator) -> None:
    values = np.random.default_rng(0).uniform(0, 6, 50_000).astype(np.float32)
    low, high = estimator(values)
    assert (low, high) == pytest.approx((0.0, 6.0), abs=0.15)


def test_the_mse_optimum_is_no_worse_than_the_extremes() -> None:
    values = np.random.default_rng(1).laplace(size=100_000).astype(np.float32)
    extremes = (float(values.min()), float(values.max()))
    assert _squared_error(values, mse_optimal(values)) < 0.9 * _squared_error(values, extremes)


@_ESTIMATORS
def test_a_constant_tensor_has_its_value_for_a_range(estimator: Estimator) -> None:
    assert estimator(np.full(100, 3.0, np.float32)) == (3.0, 3.0)
