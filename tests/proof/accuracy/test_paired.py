import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import InputError
from edgecnn.proof.accuracy.paired import (
    Precision,
    class_floor,
    compare_accuracy,
    compare_precision,
    pack_hits,
    unpack_hits,
    unpack_values,
)


def hits(right: int, images: int) -> np.ndarray:
    return np.arange(images) < right


def test_the_same_answers_pass_and_one_point_less_fails() -> None:
    assert compare_accuracy(hits(9000, 10_000), hits(9000, 10_000)).verdict is Verdict.PASS
    assert compare_accuracy(hits(8900, 10_000), hits(9000, 10_000)).verdict is Verdict.FAIL
    gained = compare_accuracy(hits(9100, 10_000), hits(9000, 10_000))
    assert gained.verdict is Verdict.FAIL
    assert "without an explanation" in gained.reason


def test_a_difference_within_the_tolerance_passes_though_it_is_certain() -> None:
    result = compare_accuracy(hits(8980, 10_000), hits(9000, 10_000))
    assert result.paired.p_value < 1e-5
    assert result.verdict is Verdict.PASS


def test_too_few_images_conclude_nothing() -> None:
    for below in (compare_accuracy(hits(188, 199), hits(190, 199)), compare_accuracy(hits(9, 9), hits(9, 9))):
        assert below.verdict is Verdict.INCONCLUSIVE
        assert "at least 200 are needed" in below.reason
    random = np.random.default_rng(0)
    noisy = random.random(300) < 0.8
    other = noisy ^ (random.random(300) < 0.1)
    undecided = compare_accuracy(other, noisy)
    assert undecided.verdict is Verdict.INCONCLUSIVE
    assert "300 images cannot tell" in undecided.reason


def test_the_worst_class_sets_the_floor() -> None:
    outputs = np.eye(3, dtype=np.float32)[[0, 0, 1, 2, 2, 0]]
    assert class_floor(outputs, np.array([0, 0, 1, 2, 2, 2])) == pytest.approx(2 / 3)


def test_few_images_show_a_large_difference() -> None:
    assert compare_accuracy(hits(10, 199), hits(190, 199)).verdict is Verdict.FAIL
    assert compare_accuracy(hits(0, 12), hits(12, 12)).verdict is Verdict.FAIL
    resampled = np.full(20, 0.9)
    for images, verdict in ((49, Verdict.INCONCLUSIVE), (50, Verdict.FAIL)):
        before, after = (Precision(ap, images, resampled * ap) for ap in (1.0, 0.1))
        assert compare_precision(after, before).verdict is verdict


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_packed_answers_come_back(values: list[bool]) -> None:
    answers = np.array(values)
    np.testing.assert_array_equal(unpack_hits(pack_hits(answers), len(values)), answers)


@given(st.text(max_size=40), st.integers(-5, 100))
def test_any_other_text_is_refused_or_read(text: str, images: int) -> None:
    with contextlib.suppress(InputError):
        assert len(unpack_hits(text, images)) == images


@given(st.text(max_size=40))
def test_a_damaged_record_of_precision_is_refused_or_read(text: str) -> None:
    with contextlib.suppress(InputError):
        assert np.isfinite(unpack_values(text)).all()


def test_detectors_of_other_images_are_not_paired() -> None:
    one, other = Precision(0.5, 300, np.full(500, 0.5)), Precision(0.5, 301, np.full(500, 0.5))
    with pytest.raises(InputError, match="cannot pair 300 images with 301"):
        compare_precision(one, other)
