"""New running statistics of batch norm, because pruning changes the input of every later layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgecnn.training.batches import to_input

if TYPE_CHECKING:
    from edgecnn.data.prepared import PreparedSet

_BATCH = 64


@torch.no_grad()
def recalibrate(module: nn.Module, images: PreparedSet) -> None:
    """Replace every batch norm's running statistics by their mean over batches of real images, in place.

    Args:
        module: The network, on the CPU; left in evaluation mode.
        images: The images; a last batch of less than half the size is dropped, unless it is the only one.
    """
    norms = [layer for layer in module.eval().modules() if isinstance(layer, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    for start in range(0, len(images), _BATCH):
        batch = images.images[start : start + _BATCH]
        if start == 0 or len(batch) >= _BATCH // 2:
            module(to_input(batch, images.contract, torch.device("cpu")))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()
