"""Smallest and largest values of channels and grids."""

from __future__ import annotations

import pytest
import torch

from edgecnn.quantization.extents import Extent, Extremes, by_channel


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (3, 1, 5, 6), (3, 4, 1, 1), (2, 3, 32, 24), (2, 600, 4, 4)])
def test_channels_of_a_map_are_the_same_in_every_layout(
    shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    value = torch.randn(shape)
    low, high = by_channel(value.to(memory_format=layout))
    assert torch.equal(low, value.flatten(2).min(dim=2).values)
    assert torch.equal(high, value.flatten(2).max(dim=2).values)


def test_a_row_is_its_own_extent_and_another_shape_is_one_channel() -> None:
    rows, tokens = torch.randn(3, 4), torch.randn(3, 5, 4)
    assert all(torch.equal(end, rows) for end in by_channel(rows))
    low, high = by_channel(tokens)
    assert torch.equal(low, tokens.flatten(1).min(dim=1, keepdim=True).values)
    assert torch.equal(high, tokens.flatten(1).max(dim=1, keepdim=True).values)


def test_extents_of_batches_add_up_to_that_of_all_images() -> None:
    low, high = -torch.rand(6, 4), torch.rand(6, 4)
    whole = Extent.of(low, high, 1.0)
    parts = Extent.of(low[:4], high[:4], 4 / 6).with_more(Extent.of(low[4:], high[4:], 2 / 6))
    assert torch.equal(parts.low, whole.low)
    assert torch.equal(parts.high, whole.high)
    assert torch.allclose(parts.usual, whole.usual)


def test_tensors_of_one_grid_widen_it_image_by_image() -> None:
    extremes = Extremes()
    extremes.add("a", torch.tensor([0.0, -1.0]), torch.tensor([1.0, 2.0]))
    extremes.add("b", torch.tensor([0.0, 0.0]), torch.tensor([1.0, 1.0]))
    extremes.add("a", torch.tensor([-2.0, 0.0]), torch.tensor([0.5, 3.0]))
    assert extremes.rows() == [{"a": (-2.0, 1.0), "b": (0.0, 1.0)}, {"a": (-1.0, 3.0), "b": (0.0, 1.0)}]
