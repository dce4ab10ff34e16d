"""Top-1 accuracy in torch, for the progress of a training; proofs measure it in the runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from edgecnn.core.errors import InputError
from edgecnn.core.text import first_line
from edgecnn.training.batches import to_input

if TYPE_CHECKING:
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.distributed import Processes


@torch.inference_mode()
def top1(module: nn.Module, prepared: PreparedSet, batch_size: int, processes: Processes) -> float:
    """Return the share of images whose largest logit is their label's; each process evaluates a part.

    Args:
        module: A network in evaluation mode, on the processes' device.
        prepared: The images.
        batch_size: Images at a time in this process.
        processes: The processes that evaluate together.
    """
    right = 0
    mine = np.arange(processes.rank, len(prepared), processes.world)
    for start in range(0, len(mine), batch_size):
        indices = mine[start : start + batch_size]
        logits = module(to_input(prepared.images[indices], prepared.contract, processes.device))
        labels = torch.from_numpy(prepared.labels[indices]).to(processes.device)
        right += int((logits.argmax(1) == labels).sum())
    (total,) = processes.sum(right)
    return total / len(prepared)


@torch.inference_mode()
def count_outputs(module: nn.Module, prepared: PreparedSet, device: torch.device) -> int:
    """Run one image and return the number of logits; the network is left in evaluation mode.

    Raises:
        InputError: The set is empty, the network does not accept its images, or is not a classifier.
    """
    if not len(prepared):
        raise InputError(f"{prepared.directory} holds no image")
    images = to_input(prepared.images[:1], prepared.contract, device)
    try:
        logits = module.eval()(images)
    except RuntimeError as error:
        raise InputError(
            f"the network does not take an input of {list(images.shape)}: {first_line(error)}"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise InputError("the network is no classifier: its output is not one tensor [N, classes]")
    return logits.shape[1]
