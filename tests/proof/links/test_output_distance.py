from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.proof.links.output_distance import closeness, health, sqnr_db

RNG = np.random.default_rng(0)


@given(st.floats(-20.0, 80.0), st.integers(1, 3000))
def test_noise_of_known_power(decibels: float, images: int) -> None:
    reference = np.random.default_rng(images).normal(size=(images, 7)).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=reference.shape)
    noise *= np.sqrt((reference.astype(np.float64) ** 2).sum() / (noise**2).sum()) * 10 ** (-decibels / 20)
    assert sqnr_db(reference, (reference + noise).astype(np.float32)) == pytest.approx(decibels, abs=0.1)


def test_equal_outputs() -> None:
    outputs = RNG.normal(size=(9, 4)).astype(np.float32)
    close = closeness(outputs, outputs.copy())
    assert close.sqnr_db == math.inf
    assert close.max_abs == 0.0
    assert close.correlation == pytest.approx(1.0)
    assert close.peak == np.abs(outputs).max()


def test_silent_reference() -> None:
    zeros = np.zeros((3, 4), np.float32)
    assert sqnr_db(zeros, zeros) == math.inf
    assert sqnr_db(zeros, zeros + 1) == -math.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_value_that_is_not_finite(bad: float) -> None:
    outputs = np.ones((3, 4), np.float32)
    broken = outputs.copy()
    broken[1, 2] = bad
    assert math.isnan(closeness(outputs, broken).sqnr_db)
    assert not health(broken).finite


def test_correlation_is_pearsons() -> None:
    one, other = RNG.normal(3, 2, (2000, 3)).astype(np.float32), RNG.normal(size=(2000, 3)).astype(np.float32)
    mixed = one + other
    wanted = np.corrcoef(one.ravel(), mixed.ravel())[0, 1]
    assert closeness(one, mixed).correlation == pytest.approx(wanted, abs=1e-6)
    assert closeness(one, np.full_like(one, 0.1)).correlation == 0.0


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="cannot compare"):
        sqnr_db(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    with pytest.raises(InputError, match="cannot compare"):
        sqnr_db(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))
    with pytest.raises(InputError, match="no outputs"):
        health(np.zeros((0, 3), np.float32))


def test_healthy_float_outputs() -> None:
    alive = health(RNG.normal(size=(50, 10)).astype(np.float32))
    assert (alive.finite, alive.constant, alive.tied, alive.clipped) == (True, False, 0.0, 0.0)
    assert alive.levels == 500


def test_clipped_outputs_pile_up_at_the_end() -> None:
    outputs = RNG.normal(size=(200, 10)).astype(np.float32)
    cut = outputs.max(axis=1) > np.median(outputs.max(axis=1))
    assert health(np.minimum(outputs, np.median(outputs.max(axis=1)))).clipped == pytest.approx(
        cut.mean(), abs=0.01
    )


def test_coarse_outputs_tie() -> None:
    outputs = np.array([[1, 1, 0], [0, 2, 1], [3, 3, 3], [0, 1, 2]], np.float32)
    assert health(outputs).tied == 0.5
    assert health(outputs).levels == 4


def test_constant_outputs() -> None:
    row = RNG.normal(size=(1, 10)).astype(np.float32)
    assert health(np.repeat(row, 5, axis=0)).constant
    assert not health(row).constant, "one image says nothing about the others"
