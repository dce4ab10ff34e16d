from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import InputError
from edgecnn.proof.accuracy.classification import (
    agreement,
    mcnemar_exact,
    paired_difference,
    top_k_accuracy,
    top_k_hits,
)

RNG = np.random.default_rng(0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 6))
def test_hits_follow_a_stable_sort_even_with_ties(seed: int, k: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    outputs = generator.integers(-2, 3, (20, classes)).astype(np.float32)
    labels = generator.integers(0, classes, 20)
    best = np.argsort(-outputs, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(top_k_hits(outputs, labels, k), (best == labels[:, None]).any(axis=1))


def test_top_1_is_argmax() -> None:
    outputs = RNG.integers(0, 4, (500, 10)).astype(np.float32)
    labels = RNG.integers(0, 10, 500)
    assert top_k_accuracy(outputs, labels) == np.mean(outputs.argmax(axis=1) == labels)


def test_nan_is_a_miss() -> None:
    outputs = np.array([[np.nan, 0.0], [0.0, np.nan], [1.0, 0.0]], np.float32)
    np.testing.assert_array_equal(top_k_hits(outputs, np.array([0, 0, 0])), [False, False, True])


@pytest.mark.parametrize("label", [-1, 3])
def test_label_out_of_range(label: int) -> None:
    with pytest.raises(InputError, match=f"label {label} is out of range"):
        top_k_hits(np.zeros((2, 3), np.float32), np.array([0, label]))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"\[2, 3\]"):
        top_k_hits(np.zeros((2, 3), np.float32), np.array([0]))
    with pytest.raises(InputError, match="at least one image"):
        top_k_accuracy(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    with pytest.raises(InputError, match="the same images"):
        paired_difference(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(InputError, match="the same images"):
        paired_difference(np.ones(0, bool), np.ones(0, bool))


def test_agreement() -> None:
    one = np.array([[1, 2], [3, 1], [0, 1]], np.float32)
    other = np.array([[5, 9], [1, 3], [0, 2]], np.float32)
    assert agreement(one, other) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 0), (3, 9), (40, 60), (700, 650)])
def test_mcnemar_is_a_sign_test(won: int, lost: int) -> None:
    tail = sum(math.comb(won + lost, count) for count in range(min(won, lost) + 1))
    assert mcnemar_exact(won, lost) == pytest.approx(min(1.0, 2 * tail / 2 ** (won + lost)), rel=1e-12)
    assert mcnemar_exact(won, lost) == mcnemar_exact(lost, won)


def test_difference_counts_what_changed() -> None:
    baseline = np.array([True] * 80 + [False] * 20)
    candidate = baseline.copy()
    candidate[:5], candidate[80:82] = False, True
    paired = paired_difference(candidate, baseline)
    assert (paired.only_candidate, paired.only_baseline, paired.images) == (2, 5, 100)
    assert paired.difference == pytest.approx(-0.03)
    assert paired.low < -0.03 < paired.high
    assert paired == paired_difference(candidate, baseline), "the same seed gave another interval"


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """The true difference is -0.02: 3 % of images won, 5 % lost."""
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        draw = generator.random(400)
        candidate, baseline = draw < 0.03, (draw >= 0.03) & (draw < 0.08)
        paired = paired_difference(candidate, baseline)
        covered += paired.low <= -0.02 <= paired.high
    assert 0.90 <= covered / 300 <= 0.99


def test_no_differing_image_is_not_certainty() -> None:
    same = np.ones(300, bool)
    paired = paired_difference(same, same)
    assert paired.difference == 0.0
    assert paired.high == pytest.approx(-math.log(0.05) / 300)
    assert paired.low == -paired.high
    assert paired.p_value == 1.0
