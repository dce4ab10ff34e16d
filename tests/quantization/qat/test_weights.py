from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgecnn.quantization.qat.weights import on_grid, weight_scales
from edgecnn.quantization.saturation import MAX_PAIR_SUM, largest_pair_sums

KERNELS = arrays(
    np.float32, array_shapes(min_dims=4, max_dims=4, max_side=5), elements=st.floats(-2, 2, width=32)
)


def levels(weight: torch.Tensor, scales: torch.Tensor) -> np.ndarray:
    shape = (-1, *(1,) * (weight.ndim - 1))
    return (on_grid(weight, scales) / scales.reshape(shape)).double().numpy()


def even(rows: np.ndarray) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))


def as_ort_adds(kernel: np.ndarray) -> np.ndarray:
    return even(np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1))


def as_openvino_adds(kernel: np.ndarray) -> np.ndarray:
    places = [kernel[:, :, y, x] for y in range(kernel.shape[2]) for x in range(kernel.shape[3])]
    return np.concatenate([even(place) for place in places], axis=1)


@settings(max_examples=60)
@given(kernel=KERNELS)
def test_pair_safe_grid_saturates_in_no_runtime(kernel: np.ndarray) -> None:
    weight = torch.from_numpy(kernel)
    found = np.rint(levels(weight, weight_scales(weight, "conv", "pair-safe")))
    assert np.abs(found).max() <= 127
    assert largest_pair_sums(as_ort_adds(found)).max() <= MAX_PAIR_SUM
    assert largest_pair_sums(as_openvino_adds(found)).max() <= MAX_PAIR_SUM


@settings(max_examples=60)
@given(kernel=KERNELS)
def test_weights_move_by_half_a_step_at_most(kernel: np.ndarray) -> None:
    weight = torch.from_numpy(kernel)
    for scheme in ("symmetric", "pair-safe"):
        scales = weight_scales(weight, "conv", scheme)  # type: ignore[arg-type]
        distance = (on_grid(weight, scales) - weight).abs() / scales.reshape(-1, 1, 1, 1)
        assert distance.max() <= 0.501, scheme


def test_symmetric_grid_is_the_one_that_native_quantizers_find() -> None:
    weight = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    scales = weight_scales(weight, "conv", "symmetric")
    rounded = on_grid(weight, scales)
    assert torch.allclose(rounded.abs().flatten(1).amax(1) / 127, scales, rtol=1e-6)


@pytest.mark.parametrize(("kind", "finer"), [("depthwise", True), ("conv", False), ("linear", False)])
def test_only_depthwise_layers_keep_every_bit(kind: str, finer: bool) -> None:
    weight = torch.ones(2, 1, 3, 3) if kind != "linear" else torch.ones(2, 9)
    safe = weight_scales(weight, kind, "pair-safe")  # type: ignore[arg-type]
    assert bool((safe == weight_scales(weight, kind, "symmetric")).all()) is finer  # type: ignore[arg-type]


def test_dead_channel_stays_zero() -> None:
    weight = torch.zeros(3, 2, 1, 1)
    for scheme in ("symmetric", "pair-safe"):
        assert torch.equal(on_grid(weight, weight_scales(weight, "conv", scheme)), weight)  # type: ignore[arg-type]
