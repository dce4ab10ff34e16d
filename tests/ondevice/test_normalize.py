from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.normalize import input_table, normalize, quantize_input

RGB = Contract(height=8, width=6)
GRAY = Contract(height=8, width=6, color="gray", mean=(33.3,), std=(77.7,))


def pixels(contract: Contract, count: int = 5) -> np.ndarray:
    shape = (count, contract.height, contract.width, contract.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("contract", [RGB, GRAY], ids=["rgb", "gray"])
def test_normalize_is_the_table(contract: Contract) -> None:
    images = pixels(contract)
    table = contract.lookup()
    result = normalize(images, contract)
    assert result.dtype == np.float32
    for channel in range(contract.channels):
        np.testing.assert_array_equal(result[..., channel], table[:, channel][images[..., channel]])


def test_normalize_agrees_with_arithmetic() -> None:
    images = pixels(RGB)
    expected = (images - np.array(RGB.mean)) / np.array(RGB.std)
    np.testing.assert_allclose(normalize(images, RGB), expected, rtol=1e-6, atol=1e-6)


def test_blocks_larger_than_an_image_and_smaller() -> None:
    big = Contract(height=300, width=300)
    images = pixels(big, 3)
    np.testing.assert_array_equal(normalize(images, big)[2:], normalize(images[2:], big))
    small = np.concatenate([pixels(RGB, 5)] * 700)
    np.testing.assert_array_equal(normalize(small, RGB)[-5:], normalize(small[:5], RGB))


@given(
    scale=st.floats(1e-4, 10.0),
    zero_point=st.integers(-128, 127),
    unsigned=st.booleans(),
)
@settings(max_examples=60)
def test_quantize_is_round_half_to_even_and_saturate(scale: float, zero_point: int, unsigned: bool) -> None:
    dtype = np.uint8 if unsigned else np.int8
    zero_point += 128 * unsigned
    images = pixels(GRAY)
    levels = np.rint(normalize(images, GRAY).astype(np.float64) / scale) + zero_point
    expected = np.clip(levels, np.iinfo(dtype).min, np.iinfo(dtype).max)
    result = quantize_input(images, GRAY, scale, zero_point, dtype)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected)


def test_halves_go_to_even() -> None:
    plain = Contract(height=1, width=1, color="gray", mean=(0.0,), std=(1.0,))
    assert input_table(plain, 2.0, 0, np.int8)[:8, 0].tolist() == [0, 0, 1, 2, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 6, 3), np.float32), "float32"),
        (np.zeros((8, 6, 3), np.uint8), r"\[8, 6, 3\]"),
        (np.zeros((2, 3, 8, 6), np.uint8), r"not uint8 \[N, H, W, 3\]"),
    ],
)
def test_images_that_do_not_fit_are_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        normalize(images, RGB)


@pytest.mark.parametrize(
    ("scale", "zero_point", "message"),
    [(0.0, 0, "scale"), (float("nan"), 0, "scale"), (-1.0, 0, "scale"), (1.0, 128, "zero point 128")],
)
def test_no_quantization_is_refused(scale: float, zero_point: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quantize_input(pixels(RGB), RGB, scale, zero_point)
