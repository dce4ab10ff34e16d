"""Division of the training set into batches, and their conversion to a network's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgecnn.core.errors import InputError, UsageError
from edgecnn.data.classes import difference
from edgecnn.data.prepare import check_labels
from edgecnn.ondevice.normalize import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.contract import Contract
    from edgecnn.training.distributed import Processes


@dataclass(frozen=True)
class BatchPlan:
    """Division of an epoch into steps; all processes hold the same plan.

    Attributes:
        images: Size of the training set.
        batch: Images of one step, all processes together.
        steps: Steps of one epoch; images that fill no whole batch are used in another epoch.
    """

    images: int
    batch: int
    steps: int

    @classmethod
    def of(cls, train_set: PreparedSet, batch_size: int, world: int) -> BatchPlan:
        """Plan the epochs of a training set; a set smaller than a batch becomes one batch.

        Raises:
            InputError: The set is empty or smaller than the number of processes.
            UsageError: The batch size is not a multiple of the number of processes.
        """
        if batch_size % world:
            raise UsageError(f"train.batch_size {batch_size} is not a multiple of {world} processes")
        if len(train_set) < max(1, world):
            raise InputError(f"{train_set.directory}: {len(train_set)} images do not make a batch")
        batch = min(batch_size, len(train_set) // world * world)
        return cls(len(train_set), batch, len(train_set) // batch)

    def indices(self, seed: int, epoch: int, processes: Processes) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the indices of this process's share of every batch of one epoch, in order."""
        order = np.random.default_rng((seed, epoch)).permutation(self.images)
        for step in range(self.steps):
            batch = order[step * self.batch : (step + 1) * self.batch]
            yield batch[processes.rank :: processes.world].astype(np.int64)


def check_sets(
    train_set: PreparedSet, eval_set: PreparedSet | None, classes: int, *, boxes: bool = False
) -> None:
    """Check that the labels are valid outputs of the network and that both sets were prepared alike.

    Raises:
        InputError: A label is missing or out of range, or the sets differ in classes or preprocessing.
    """
    check_labels(train_set, classes, boxes=boxes)
    if eval_set is None:
        return
    check_labels(eval_set, classes, boxes=boxes)
    differing = difference(train_set.classes, eval_set.classes)
    if train_set.classes and eval_set.classes and differing is not None:
        raise InputError(f"the training and the evaluation set have different classes: {differing}")
    if train_set.contract != eval_set.contract:
        raise InputError("the training and the evaluation set were prepared with different contracts")


def to_input(images: npt.NDArray[np.uint8] | Tensor, contract: Contract, device: torch.device) -> Tensor:
    """Normalize a batch with the contract's lookup table, which gives the same bits as in every runtime.

    Args:
        images: uint8 ``[N, H, W, C]``.
        contract: Gives mean and std.
        device: Device of the result.

    Returns:
        float32 ``[N, C, H, W]``, channels last in memory.
    """
    pixels = images.numpy() if isinstance(images, Tensor) else images
    return torch.from_numpy(normalize(pixels, contract)).permute(0, 3, 1, 2).to(device)
