"""Grids of int8 weights, one for each kind of kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgecnn.quantization.kernels import SCHEMES, Scheme
from edgecnn.quantization.saturation import pair_safe_scales
from edgecnn.quantization.weight_grid import accumulated, is_safe, levels, weight_scales

_kernels = arrays(
    np.float32, array_shapes(min_dims=4, max_dims=4, max_side=5), elements=st.floats(-1e3, 1e3, width=32)
)
_schemes = st.sampled_from(SCHEMES)


@given(_kernels, _schemes)
def test_rounding_to_nearest_is_safe(weights: np.ndarray, scheme: Scheme) -> None:
    scales = weight_scales(weights, scheme, depthwise=False)
    assert is_safe(levels(weights, scales), scheme, depthwise=False)


@given(_kernels, _schemes, st.integers(0, 2**32 - 1))
def test_free_scales_are_safe_whichever_way_weights_are_rounded(
    weights: np.ndarray, scheme: Scheme, seed: int
) -> None:
    scales = weight_scales(weights, scheme, depthwise=False, free=True)
    steps = weights.astype(np.float64) / scales.astype(np.float64)[:, None, None, None]
    settled = np.abs(steps - np.rint(steps)) < 1e-3  # what lies on the grid has no two ways
    up = np.random.default_rng(seed).integers(0, 2, steps.shape)
    outward = np.where(steps > 0, np.ceil(steps), np.floor(steps))
    for grid in (np.floor(steps) + up, outward):
        rounded = np.where(settled, np.rint(steps), grid).astype(np.float32)
        assert is_safe(rounded, scheme, depthwise=False)


def test_symmetric_scales_put_the_largest_weight_at_127() -> None:
    weights = np.float32([[[[0.5]], [[-2.0]]], [[[0.0]], [[0.0]]]])
    scales = weight_scales(weights, "symmetric", depthwise=False)
    assert levels(weights, scales)[:, :, 0, 0].tolist() == [[32.0, -127.0], [0.0, 0.0]]
    assert (scales > 0).all(), "a dead channel has a scale, too"


def test_the_order_is_that_of_the_kernels() -> None:
    weights = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    across = accumulated(weights, "pairs-hwc")
    assert across[0].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    in_place = accumulated(weights, "pairs-c")
    assert in_place[0].tolist() == [0, 4, 8, 0, 1, 5, 9, 0, 2, 6, 10, 0, 3, 7, 11, 0]
    assert np.array_equal(accumulated(weights[:, :, 0, 0], "pairs-c")[:, :3], weights[:, :, 0, 0])


def test_pairs_that_one_kernel_forms_another_does_not() -> None:
    """Two large neighbours across places of a kernel: only kernels that run across places saturate."""
    weights = np.zeros((1, 1, 1, 2), np.float32)
    weights[:] = 1.0
    assert weight_scales(weights, "pairs-hwc", depthwise=False)[0] > 1.9 / 127
    assert weight_scales(weights, "pairs-c", depthwise=False)[0] == pytest.approx(1 / 127)
    assert weight_scales(weights, "pairs-hwc", depthwise=True)[0] == pytest.approx(1 / 127)


def test_scales_are_those_that_formats_compute_by_themselves() -> None:
    weights = np.random.default_rng(0).normal(size=(8, 5, 3, 3)).astype(np.float32)
    onnx = pair_safe_scales(np.moveaxis(weights, 1, -1).reshape(8, -1))
    assert np.array_equal(weight_scales(weights, "pairs-hwc", depthwise=False), onnx)
