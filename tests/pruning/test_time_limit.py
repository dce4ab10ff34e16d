"""A computation that never ends is interrupted, and what pruning cannot follow is one line."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time

import pytest
import torch
from torch import Tensor, nn

from edgecnn.core.errors import InputError
from edgecnn.pruning.structure import Structure
from edgecnn.pruning.time_limit import TookTooLong, time_limit


class Shuffled(nn.Module):
    """A pixel shuffle between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 64, 3, 2, 1), nn.Conv2d(16, 32, 3, 2, 1)
        self.head = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        found = nn.functional.pixel_shuffle(self.wide(x).relu(), 2)
        answer: Tensor = self.head(self.narrow(found).relu().mean((2, 3)))
        return answer


def count_without_end() -> None:
    """Do in Python what never ends."""
    for _ in itertools.count():
        pass


def test_what_never_ends_is_interrupted_and_the_limit_ends_with_the_block() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TookTooLong), time_limit(0.05):
        count_without_end()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0), "the timer goes on"
    assert signal.getsignal(signal.SIGALRM) is before
    with time_limit(60.0):
        assert signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_that_is_reached_as_the_block_ends_leaves_no_timer() -> None:
    for microseconds in range(1, 400):
        with contextlib.suppress(TookTooLong), time_limit(microseconds / 1e6):
            sum(range(200))
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_another_thread_has_no_limit() -> None:
    done = []

    def work() -> None:
        with time_limit(0.01):
            time.sleep(0.05)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_channels_that_cannot_be_followed_are_one_line() -> None:
    torch.manual_seed(0)
    structure = Structure(Shuffled(), torch.randn(1, 3, 32, 32), "shuffled")
    with pytest.raises(InputError, match="shuffled cannot be pruned") as caught:
        structure.without({group.name: [0, 1, 2, 3] for group in structure.groups})
    assert "\n" not in caught.value.message
    assert caught.value.hint is not None
