"""Grids of int8 weights and activations: what each kind of kernel needs, and that NumPy and torch agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgecnn.quantization.grids import (
    MAX_PAIR_SUM,
    accumulated,
    affine_grid,
    is_safe,
    largest_pair_sums,
    levels,
    on_grid,
    pair_safe_scales,
    quantize_rows,
    stored_levels,
    weight_scales,
)
from edgecnn.quantization.kernels import SCHEMES, Scheme

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
    weights = np.array([[[[0.5]], [[-2.0]]], [[[0.0]], [[0.0]]]], np.float32)
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


_rows = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=24), elements=st.floats(-1e3, 1e3, width=32)
)


def _pairwise(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Multiply and add as ``vpmaddubsw`` and ``vpmaddwd`` do: pairs saturate in int16."""
    products = activations.astype(np.int32) * weights.astype(np.int32)
    pairs = products.reshape(*products.shape[:-1], -1, 2).sum(axis=-1)
    sums: np.ndarray = np.clip(pairs, -32768, 32767).sum(axis=-1)
    return sums


@given(_rows)
def test_no_activations_saturate(weights: np.ndarray) -> None:
    padded = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2)))
    levels = quantize_rows(padded, pair_safe_scales(weights)).astype(np.int8)
    worst = np.where(levels > 0, 255, 0)
    for activations in (worst, 255 - worst, np.full_like(worst, 255)):
        exact = (activations.astype(np.int64) * levels).sum(axis=1)
        assert np.array_equal(_pairwise(activations, levels), exact)


@given(_rows)
def test_scales_lie_between_eight_and_seven_bits(weights: np.ndarray) -> None:
    peak = np.maximum(np.abs(weights).max(axis=1), 1e-12)
    ratio = pair_safe_scales(weights) / (peak / 127)
    assert (ratio >= 1 - 1e-5).all()
    assert (ratio <= 2.02).all()


def test_a_channel_without_a_large_pair_keeps_all_eight_bits() -> None:
    weights = np.zeros((1, 8), np.float32)
    weights[0, ::2] = (1.0, -0.5, 0.25, 1.0)
    assert np.allclose(pair_safe_scales(weights) * 127, 1.0)


def test_random_channels_keep_most_of_the_eighth_bit() -> None:
    weights = np.random.default_rng(0).normal(size=(256, 96)).astype(np.float32)
    ratio = pair_safe_scales(weights) / (np.abs(weights).max(axis=1) / 127)
    assert 1.0 < ratio.mean() < 1.35


def test_a_dead_channel_has_a_positive_scale() -> None:
    scales = pair_safe_scales(np.zeros((2, 3), np.float32))
    assert (scales > 0).all()
    assert np.isfinite(scales).all()


@given(_kernels, _schemes, st.booleans(), st.booleans())
def test_numpy_and_torch_agree_to_the_last_bit(
    weights: np.ndarray, scheme: Scheme, depthwise: bool, free: bool
) -> None:
    tensor = torch.from_numpy(weights)
    scales = weight_scales(weights, scheme, depthwise=depthwise, free=free)
    same = weight_scales(tensor, scheme, depthwise=depthwise, free=free)
    assert scales.dtype == np.float32
    assert same.dtype == torch.float32
    assert np.array_equal(scales, same.numpy())
    assert np.array_equal(levels(weights, scales), levels(tensor, same).numpy())
    assert np.array_equal(on_grid(weights, scales), on_grid(tensor, same).numpy())
    assert np.array_equal(accumulated(weights, scheme), accumulated(tensor, scheme).numpy())
    assert is_safe(levels(weights, scales), scheme, depthwise=depthwise) == is_safe(
        levels(tensor, same), scheme, depthwise=depthwise
    )


_ends = arrays(np.float32, array_shapes(max_dims=1, max_side=8), elements=st.floats(-1e3, 1e3, width=32))


@given(_ends, st.floats(0, 1e3, width=32))
def test_numpy_and_torch_agree_on_grids_of_activations(low: np.ndarray, width: float) -> None:
    high = low + np.float32(width)
    grid = affine_grid(low, high)
    same = affine_grid(torch.from_numpy(low), torch.from_numpy(high))
    for one, other in zip(grid, same, strict=True):
        assert one.dtype == np.float32
        assert np.array_equal(one, other.numpy())


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_every_grid_of_an_activation_holds_zero_and_its_range(low: float, width: float) -> None:
    step, zero = affine_grid(low, low + width)
    assert step > 0
    assert zero == int(zero)
    assert 0 <= zero <= 255
    assert -zero * step <= low + step
    assert (255 - zero) * step >= low + width - step


def test_one_grid_for_all_kernels_is_safe_in_every_order() -> None:
    weights = np.random.default_rng(0).normal(size=(16, 5, 3, 3)).astype(np.float32)
    scales = weight_scales(weights, "pair-safe", depthwise=False)
    for scheme in SCHEMES:
        assert (scales >= weight_scales(weights, scheme, depthwise=False)).all()
        assert is_safe(levels(weights, scales), scheme, depthwise=False), scheme


@given(_kernels, _schemes)
def test_weights_move_by_half_a_step_at_most(weights: np.ndarray, scheme: Scheme) -> None:
    scales = weight_scales(weights, scheme, depthwise=False)
    distance = np.abs(on_grid(weights, scales) - weights) / scales.reshape(-1, 1, 1, 1)
    assert distance.max() <= 0.501


def test_a_file_stores_the_levels_that_its_native_quantizer_would_find() -> None:
    weights = np.array([[1.0, -0.26, 300.0], [0.5, -0.5, 0.0]], np.float32)
    stored = stored_levels(weights, np.array([[0.1], [0.004]], np.float32))
    assert stored.dtype == np.int8
    assert stored.tolist() == [[10, -3, 127], [125, -125, 0]]


@pytest.mark.parametrize("depthwise", [True, False])
def test_only_depthwise_layers_keep_every_bit(depthwise: bool) -> None:
    weights = np.ones((2, 1, 3, 3), np.float32)
    safe = weight_scales(weights, "pair-safe", depthwise=depthwise)
    assert bool((safe == weight_scales(weights, "symmetric", depthwise=depthwise)).all()) is depthwise


@settings(max_examples=60)
@given(_kernels)
def test_a_grid_for_all_kernels_saturates_in_no_runtime(kernel: np.ndarray) -> None:
    found = levels(kernel, weight_scales(kernel, "pair-safe", depthwise=False))
    assert np.abs(found).max() <= 127
    assert largest_pair_sums(_as_ort_adds(found)).max() <= MAX_PAIR_SUM
    assert largest_pair_sums(_as_openvino_adds(found)).max() <= MAX_PAIR_SUM


def _as_ort_adds(kernel: np.ndarray) -> np.ndarray:
    return _even(np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1))


def _as_openvino_adds(kernel: np.ndarray) -> np.ndarray:
    places = [kernel[:, :, y, x] for y in range(kernel.shape[2]) for x in range(kernel.shape[3])]
    return np.concatenate([_even(place) for place in places], axis=1)


def _even(rows: np.ndarray) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
