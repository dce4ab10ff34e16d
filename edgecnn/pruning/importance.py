"""Importance of channels: torch-pruning's measures, and the gradients that the Taylor measure needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch_pruning import importance as measures

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.core.config.pruning import Importance
    from edgecnn.pruning.structure import Structure
    from edgecnn.training.task import TrainingTask

_BATCH = 64

_MEASURES: dict[Importance, Callable[[], Callable[..., Tensor | None]]] = {
    "l1": lambda: measures.MagnitudeImportance(p=1),
    "l2": lambda: measures.MagnitudeImportance(p=2),
    "taylor": measures.TaylorImportance,
    "bn": measures.BNScaleImportance,
    "lamp": measures.LAMPImportance,
}
"""Norms of weights (Li et al. 2017), first-order Taylor expansion of the loss (Molchanov et al. 2019), scales
of batch norm (Liu et al. 2017), and magnitudes scaled by all larger ones of the layer (Lee et al. 2021)."""


def score(structure: Structure, importance: Importance, task: TrainingTask | None) -> dict[str, Tensor]:
    """Return the importance of channels, float32 ``[channels]``; groups without a measure are left out.

    Args:
        structure: The groups.
        importance: The measure.
        task: Provides images and loss; only ``taylor`` needs it.

    Raises:
        InputError: The measure does not apply to this network, or weights or gradients are not finite.
    """
    if importance == "taylor":
        assert task is not None  # noqa: S101 - a pipeline without training images is refused
        accumulate_gradients(structure.module, task)
    _require_finite(structure)
    found = structure.scores(_MEASURES[importance]())
    structure.module.zero_grad(set_to_none=True)
    # Scores are relative to a group's mean. A mean of 0, as in a head without a box in any image, makes the
    # measure meaningless.
    found = {name: values for name, values in found.items() if bool(torch.isfinite(values).all())}
    if not found:
        raise InputError(
            f"{structure.name} has no layers that importance {importance!r} applies to",
            hint="choose another prune.importance",
        )
    return found


def _require_finite(structure: Structure) -> None:
    for name, parameter in structure.module.named_parameters():
        values = [parameter] if parameter.grad is None else [parameter, parameter.grad]
        if not all(bool(torch.isfinite(value).all()) for value in values):
            raise InputError(
                f"{structure.name} cannot be pruned: weights or gradients of {name} are not finite",
                hint="train it with a lower learning rate, or set train.clip_norm",
            )


def accumulate_gradients(module: nn.Module, task: TrainingTask) -> None:
    """Sum the loss's gradients over all training images; batch norm uses its running statistics."""
    device = torch.device("cpu")
    method = task.method()
    method.to(device)
    task.begin(module, device)
    module.eval().requires_grad_(True).zero_grad(set_to_none=True)
    for start in range(0, len(task.train_set), _BATCH):
        indices = np.arange(start, min(start + _BATCH, len(task.train_set)))
        inputs, targets = task.batch(indices, 0, device)
        torch.autograd.backward(method.loss(inputs, module(inputs), targets))
