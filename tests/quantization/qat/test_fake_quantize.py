from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.quantization.qat.fake_quantize import ActivationFakeQuantize, PerChannelWeightFakeQuantize
from edgecnn.quantization.ranges import Range

BOUNDS = st.tuples(st.floats(-50, 50, width=32), st.floats(-50, 50, width=32)).map(sorted)


def fake_quantize(low: float, high: float) -> ActivationFakeQuantize:
    module = ActivationFakeQuantize()
    module.set_range(Range(low, high))
    return module


@settings(max_examples=100)
@given(bounds=BOUNDS)
def test_zero_lies_on_every_grid_and_a_native_quantizer_finds_it(bounds: list[float]) -> None:
    module = fake_quantize(*bounds)
    scale, zero = (value.item() for value in module.calculate_qparams())
    assert module(torch.zeros(1)).item() == 0.0
    given_range = module.grid_range
    # What ONNX Runtime and LiteRT's quantizer compute of a range.
    theirs = (given_range.high - given_range.low) / 255
    assert np.isclose(theirs, scale, rtol=1e-6)
    assert round(-128 - given_range.low / theirs) == zero


def test_values_beyond_the_range_are_cut_and_get_no_gradient() -> None:
    values = torch.tensor([-9.0, -0.5, 0.5, 9.0], requires_grad=True)
    result = fake_quantize(-1.0, 1.0)(values)
    result.sum().backward()
    assert result.abs().max() < 1.01
    assert values.grad is not None
    assert values.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_a_tensor_of_zeros_has_a_grid() -> None:
    module = fake_quantize(0.0, 0.0)
    assert module(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert module.grid_range.high > module.grid_range.low


def test_weights_get_their_gradient_and_have_no_state() -> None:
    module = PerChannelWeightFakeQuantize("conv", "symmetric")
    weight = torch.tensor([[[[1.0]], [[-0.3]]]], requires_grad=True)
    module(weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.flatten().tolist() == [1.0, 1.0]
    scales, zeros = module.calculate_qparams(weight.detach())
    assert torch.allclose(scales, torch.tensor([1 / 127]))
    assert zeros.tolist() == [0]
