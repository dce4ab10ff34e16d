"""A target's options for its quantizer."""

from __future__ import annotations

import pytest

from edgecnn.backends.options import check_known, needs_samples, ranges_option
from edgecnn.core.errors import UsageError
from edgecnn.quantization.ranges import BLENDS, EVERY_METHOD


def test_an_unknown_option_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="onnx int8 has no option 'range' under quantize") as caught:
        check_known({"range": 1}, ("ranges",), "onnx int8")
    assert caught.value.hint == "did you mean 'ranges'?"


def test_a_format_without_options_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        check_known({"method": "qat"}, (), "tflite fp16")
    assert caught.value.hint == "known: none"


def test_ranges() -> None:
    assert ranges_option({}) == ranges_option({"ranges": "auto"}) == BLENDS
    assert ranges_option({"ranges": "search"}) == EVERY_METHOD
    assert ranges_option({"ranges": "mse"}) == ("mse",)
    assert ranges_option({"ranges": "extremes"}) == ranges_option({"ranges": 1}) == (1.0,)


@pytest.mark.parametrize("value", [True, -0.1, 1.1, "0.5", None, float("nan"), "best"])
def test_ranges_that_are_no_method_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match=r"use auto, search, .* or a number within 0\.\.1"):
        ranges_option({"ranges": value})


def test_only_an_estimator_of_the_distribution_needs_samples() -> None:
    assert not needs_samples(BLENDS)
    assert needs_samples(EVERY_METHOD)
