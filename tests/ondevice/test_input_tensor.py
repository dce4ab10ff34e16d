from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.input_tensor import Feed, FeedError, layout_of
from edgecnn.ondevice.normalize import normalize, quantize_input
from edgecnn.ondevice.tensor import TensorInfo

CONTRACT = Contract(height=6, width=9)
GRAY = Contract(height=6, width=9, color="gray", mean=(10.0,), std=(3.0,))


def pictures(count: int, contract: Contract) -> np.ndarray:
    shape = (count, contract.height, contract.width, contract.channels)
    return np.random.default_rng(count).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("contract", [CONTRACT, GRAY])
def test_float_input_equals_the_contract_to_the_last_bit(contract: Contract) -> None:
    images = pictures(5, contract)
    wanted = normalize(images, contract)
    nhwc = Feed(TensorInfo("x", (1, 6, 9, contract.channels), "float32"), contract).fill(images)
    nchw = Feed(TensorInfo("x", (1, contract.channels, 6, 9), "float32"), contract).fill(images)
    np.testing.assert_array_equal(nhwc, wanted)
    np.testing.assert_array_equal(nchw, wanted.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_integer_input_equals_the_packages_own(dtype: type) -> None:
    images = pictures(4, CONTRACT)
    zero = 3 if dtype is np.int8 else 120
    tensor = TensorInfo("x", (1, 6, 9, 3), np.dtype(dtype).name, scale=0.02, zero_point=zero)
    filled = Feed(tensor, CONTRACT).fill(images)
    assert filled.dtype == dtype
    np.testing.assert_array_equal(filled, quantize_input(images, CONTRACT, 0.02, zero, dtype))


def test_half_precision_input() -> None:
    images = pictures(2, CONTRACT)
    filled = Feed(TensorInfo("x", (1, 6, 9, 3), "float16"), CONTRACT).fill(images)
    np.testing.assert_array_equal(filled, normalize(images, CONTRACT).astype(np.float16))


def test_integer_type_that_images_do_not_go_into() -> None:
    with pytest.raises(FeedError, match="int16"):
        Feed(TensorInfo("x", (1, 6, 9, 3), "int16", scale=0.1, zero_point=0), CONTRACT)


@given(count=st.integers(0, 40), chunk=st.sampled_from([1, 3, 1000]))
def test_stream_gives_every_image_once_in_order(count: int, chunk: int) -> None:
    images = pictures(50, CONTRACT)
    indices = np.random.default_rng(count).permutation(50)[:count]
    feed = Feed(TensorInfo("x", (1, 6, 9, 3), "float32"), CONTRACT, chunk_images=chunk)
    streamed = list(feed.stream(images, indices))
    assert [tensor.shape for tensor in streamed] == [(1, 6, 9, 3)] * count
    if count:
        np.testing.assert_array_equal(np.concatenate(streamed), normalize(images[indices], CONTRACT))


@pytest.mark.parametrize("shape", [(1, 9, 6, 3), (6, 9, 3), (2, 6, 9, 3), (1, 6, 9, 1), (1, 54 * 3), ()])
def test_shape_that_is_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(FeedError, match="no image of 6x9x3"):
        layout_of(TensorInfo("x", shape, "float32"), CONTRACT)


def test_dynamic_dimensions_fit() -> None:
    assert layout_of(TensorInfo("x", (-1, 3, -1, -1), "float32"), CONTRACT) == "NCHW"
    assert layout_of(TensorInfo("x", (-1, -1, -1, 3), "float32"), CONTRACT) == "NHWC"
