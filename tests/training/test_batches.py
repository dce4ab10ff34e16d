from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.core.errors import InputError, UsageError
from edgecnn.training.batches import BatchPlan, to_input
from edgecnn.training.distributed import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.data.prepared import PreparedSet

CPU = torch.device("cpu")


@settings(max_examples=50)
@given(st.integers(1, 200), st.integers(1, 3), st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_shares_of_all_processes_make_up_the_epoch(images: int, world: int, share: int, seed: int) -> None:
    batch = min(world * share, images // world * world)
    if batch == 0:
        return
    plan = BatchPlan(images, batch, images // batch)
    shares = [list(plan.indices(seed, 2, Processes(rank, world, CPU))) for rank in range(world)]
    steps = [np.concatenate(parts) for parts in zip(*shares, strict=True)]
    assert [len(step) for step in steps] == [batch] * plan.steps
    assert all(len(part) == batch // world for parts in shares for part in parts)
    seen = np.concatenate(steps)
    assert len(np.unique(seen)) == len(seen), "no image twice in an epoch"
    assert seen.min() >= 0
    assert seen.max() < images


def test_order_changes_with_epoch_and_seed() -> None:
    plan = BatchPlan(64, 64, 1)
    alone = Processes(0, 1, CPU)
    orders = {
        tuple(next(plan.indices(seed, epoch, alone))) for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))
    }
    assert len(orders) == 3


def test_input_is_the_contracts_table(make_set: Callable[..., PreparedSet]) -> None:
    prepared = make_set("train", 8)
    batch = to_input(prepared.images, prepared.contract, CPU)
    assert batch.shape == (8, 3, 12, 12)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    table = prepared.contract.lookup()
    for channel in range(3):
        expected = table[:, channel][prepared.images[..., channel]]
        assert np.array_equal(batch[:, channel].numpy(), expected), f"channel {channel}"


def test_batch_size_that_does_not_divide(make_set: Callable[..., PreparedSet]) -> None:
    with pytest.raises(UsageError, match="batch_size 15 is not a multiple of 2 processes"):
        BatchPlan.of(make_set("train"), 15, 2)


def test_fewer_images_than_processes(make_set: Callable[..., PreparedSet]) -> None:
    with pytest.raises(InputError, match="1 images do not make a batch"):
        BatchPlan.of(make_set("one", 1), 4, 2)
