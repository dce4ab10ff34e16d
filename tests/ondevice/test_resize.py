from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgecnn.ondevice.contract import Interpolation
from edgecnn.ondevice.resize import PRECISION_BITS, resampling_weights, resize_array, resize_image

KERNELS: tuple[Interpolation, ...] = ("bilinear", "bicubic")
side = st.integers(1, 200)


def random_pixels(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    """Noise, or only black and white, where bicubic overshoots and must clip."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return pixels if seed % 2 else np.where(pixels > 127, 255, 0).astype(np.uint8)


def as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


@given(
    source=st.tuples(side, side),
    result=st.tuples(side, side),
    channels=st.sampled_from([1, 3]),
    kernel=st.sampled_from(KERNELS),
    seed=st.integers(0, 1000),
)
@settings(max_examples=200)
def test_pillow_and_numpy_give_the_same_bits(
    source: tuple[int, int], result: tuple[int, int], channels: int, kernel: Interpolation, seed: int
) -> None:
    pixels = random_pixels(seed, *source, channels)
    expected = resize_array(pixels, *result, kernel)
    fast = np.asarray(resize_image(as_image(pixels), *result, kernel)).reshape(expected.shape)
    np.testing.assert_array_equal(fast, expected)


@given(data=st.data(), kernel=st.sampled_from(KERNELS))
@settings(max_examples=50)
def test_window_is_a_part_of_the_whole(data: st.DataObject, kernel: Interpolation) -> None:
    height, width = data.draw(side), data.draw(side)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    image = as_image(random_pixels(1, 40, 60, 3))
    whole = np.asarray(resize_image(image, height, width, kernel))
    part = np.asarray(resize_image(image, height, width, kernel, (top, left, rows, columns)))
    np.testing.assert_array_equal(part, whole[top : top + rows, left : left + columns])


@pytest.mark.parametrize("kernel", KERNELS)
def test_leading_axes_are_a_batch(kernel: Interpolation) -> None:
    batch = np.stack([random_pixels(seed, 28, 28, 1) for seed in range(6)]).reshape(2, 3, 28, 28, 1)
    resized = resize_array(batch, 32, 20, kernel)
    assert resized.shape == (2, 3, 32, 20, 1)
    np.testing.assert_array_equal(resized[1, 2], resize_array(batch[1, 2], 32, 20, kernel))


@given(source=st.integers(1, 3000), result=st.integers(1, 500), kernel=st.sampled_from(KERNELS))
@settings(max_examples=100)
def test_weights_add_up_to_one_and_stay_inside(source: int, result: int, kernel: Interpolation) -> None:
    starts, weights = resampling_weights(source, result, kernel)
    one = 1 << PRECISION_BITS
    assert (np.abs(weights.sum(axis=1) - one) <= weights.shape[1]).all()
    last = starts + np.array([row.nonzero()[0].max() for row in weights])
    assert (starts >= 0).all()
    assert (last < source).all()
    # The accumulator is a 32-bit integer, and must not overflow on white pixels.
    assert (np.where(weights > 0, weights, 0).sum(axis=1, dtype=np.int64) * 255 + one // 2 < 2**31).all()


def test_one_colour_stays_that_colour() -> None:
    for value in (0, 1, 127, 254, 255):
        pixels = np.full((50, 70, 3), value, np.uint8)
        assert (resize_array(pixels, 31, 97, "bicubic") == value).all()


def test_the_integers_never_change() -> None:
    """The contract's numbers, pinned: packages in the field and ports hold the same ones."""
    y, x, c = np.mgrid[0:47, 0:61, 0:3]
    pixels = ((x * 7 + y * 13 + c * 29) ** 2 % 256).astype(np.uint8)
    digests = {
        kernel: hashlib.sha256(resize_array(pixels, 32, 80, kernel).tobytes()).hexdigest()[:16]
        for kernel in KERNELS
    }
    assert digests == {"bilinear": "e39c23e3a2914463", "bicubic": "5506f781fd3f1336"}


def test_other_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="mode RGBA"):
        resize_image(Image.new("RGBA", (4, 4)), 2, 2, "bilinear")
