"""Scales at which x86's pairwise multiply-add cannot saturate."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgecnn.quantization.saturation import pair_safe_scales, quantize_rows

_weights = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=24), elements=st.floats(-1e3, 1e3, width=32)
)


def _pairwise(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Multiply and add as ``vpmaddubsw`` and ``vpmaddwd`` do: pairs saturate in int16."""
    products = activations.astype(np.int32) * weights.astype(np.int32)
    pairs = products.reshape(*products.shape[:-1], -1, 2).sum(axis=-1)
    return np.clip(pairs, -32768, 32767).sum(axis=-1)


@given(_weights)
def test_no_activations_saturate(weights: np.ndarray) -> None:
    padded = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2)))
    levels = quantize_rows(padded, pair_safe_scales(weights)).astype(np.int8)
    worst = np.where(levels > 0, 255, 0)
    for activations in (worst, 255 - worst, np.full_like(worst, 255)):
        exact = (activations.astype(np.int64) * levels).sum(axis=1)
        assert np.array_equal(_pairwise(activations, levels), exact)


@given(_weights)
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
