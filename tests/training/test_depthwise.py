"""Depthwise convolutions that train fast: same results, same gradients, and nothing else touched."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgecnn.training import depthwise
from edgecnn.training.depthwise import FastDepthwise


def gradients(layer: nn.Conv2d, inputs: torch.Tensor) -> list[torch.Tensor]:
    layer.zero_grad()
    inputs = inputs.clone().requires_grad_()
    outputs = layer(inputs)
    (outputs * torch.linspace(-1, 1, outputs.numel()).view_as(outputs)).sum().backward()
    found = [outputs.detach(), inputs.grad, *(parameter.grad for parameter in layer.parameters())]
    return [tensor.clone() for tensor in found if tensor is not None]


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 2),
    bias=st.booleans(),
    last=st.booleans(),
)
def test_gradients_are_those_of_torch(
    size: tuple[int, int], kernel: int, stride: int, bias: bool, last: bool
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=bias)
    inputs = torch.randn(3, 6, *size)
    if last:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    expected = gradients(layer, inputs)
    with FastDepthwise():
        found = gradients(layer, inputs)
    assert len(found) == len(expected) == 3 + bias
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "size", "taken"),
    [
        (nn.Conv2d(6, 6, 3, 1, 1, groups=6), 2, True),
        (nn.Conv2d(6, 6, 3, 2, 1, groups=6), 4, True),
        (nn.Conv2d(6, 6, 3, 1, 1, groups=6), 3, False),
        (nn.Conv2d(6, 6, 3, 1, 1, groups=3), 2, False),
        (nn.Conv2d(6, 12, 3, 1, 1, groups=6), 2, False),
        (nn.Conv2d(6, 6, 3, 1, 2, dilation=2, groups=6), 2, False),
        (nn.Conv2d(6, 6, 3, 1, "same", groups=6), 2, False),
        (nn.Conv2d(6, 6, 1), 1, False),
        (nn.Conv2d(6, 6, 3, 1, 1, groups=6).requires_grad_(False), 2, False),
    ],
    ids=["same", "strided", "more pixels", "grouped", "multiplied", "dilated", "named", "dense", "frozen"],
)
def test_only_what_is_slow_is_taken(
    layer: nn.Conv2d, size: int, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    sums = depthwise._weight_gradient

    def counted(*arguments: Any) -> torch.Tensor:
        calls.append(arguments)
        return sums(*arguments)

    monkeypatch.setattr(depthwise, "_weight_gradient", counted)
    inputs = torch.randn(2, 6, size, size, requires_grad=True)
    with FastDepthwise():
        layer(inputs).sum().backward()
        with torch.no_grad():
            layer(inputs)
    assert bool(calls) == taken
