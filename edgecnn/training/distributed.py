"""Data-parallel training under ``torchrun``: the processes and their collective operations."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
import torch.distributed as dist
from torch import Tensor

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Attributes:
        rank: Number of this process, from 0; rank 0 writes files and reports.
        world: Number of processes.
        device: Device that this process computes on.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Return whether this process writes files and reports."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Return each value summed over all processes."""
        if self.world == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(totals)
        return [float(total) for total in totals]

    @torch.no_grad()
    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes; integers are taken from rank 0."""
        if self.world == 1:
            return
        for tensor in tensors:
            if tensor.is_floating_point():
                dist.all_reduce(tensor)
                tensor.div_(self.world)
            else:
                dist.broadcast(tensor, 0)

    @torch.no_grad()
    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by that of rank 0, in all processes."""
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Wait until every process has arrived here."""
        if self.world > 1:
            dist.barrier()


@contextlib.contextmanager
def joined_processes(device: Literal["auto", "cpu", "cuda"]) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started; without ``torchrun``, train in this process alone.

    Raises:
        UsageError: A GPU was requested and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "train.device is cuda, but torch finds no GPU on this machine", hint="use device: auto or cpu"
        )
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if not dist.is_torchelastic_launched():
        yield Processes(0, 1, torch.device("cuda" if on_gpu else "cpu"))
        return
    place = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(place)
    started_here = not dist.is_initialized()
    if started_here:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), place)
    finally:
        if started_here:
            dist.destroy_process_group()
