"""A target's options for its quantizer."""

from __future__ import annotations

import pytest

from edgecnn.errors import UsageError
from edgecnn.formats.options import check_known, extremes_option


def test_an_unknown_option_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="onnx int8 has no option 'extreme' under quantize") as caught:
        check_known({"extreme": 1}, ("extremes",), "onnx int8")
    assert caught.value.hint == "did you mean extremes?"


def test_a_format_without_options_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        check_known({"method": "qat"}, (), "tflite fp16")
    assert caught.value.hint == "known: none"


def test_extremes() -> None:
    assert extremes_option({}) is None
    assert extremes_option({"extremes": "auto"}) is None
    assert extremes_option({"extremes": 1}) == 1.0


@pytest.mark.parametrize("value", [True, -0.1, 1.1, "0.5", None, float("nan")])
def test_extremes_that_are_no_share_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match=r"neither auto nor a number within 0\.\.1"):
        extremes_option({"extremes": value})
