"""Number of channels that every group keeps, as a function of one number: the pruning strength."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.core.errors import UsageError
from edgecnn.pruning.curves import LEAST, share_for_loss

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from edgecnn.core.config.pruning import Scope
    from edgecnn.core.documents.pruning import SensitivityCurves


@dataclass(frozen=True)
class Policy:
    """The channels to remove at a given strength.

    At strength 0 no channel is removed; at 1 every group is at its minimum. ``local`` removes the same share
    of every group. ``global`` compares the channels of all groups: each group's scores are relative to their
    mean, or scaled as LAMP does. ``sensitivity`` removes from every group the share that costs the same
    accuracy (Li et al. 2017, Pruning filters for efficient ConvNets, arXiv:1608.08710, section 3.2).

    Attributes:
        scope: How removals are divided among groups.
        multiple: Widths are multiples of this number, which the target's kernels compute fastest.
        scores: Importance of every channel, float32 ``[channels]``, by group.
        curves: Accuracy against pruned share by group, for the scope ``sensitivity``.
    """

    scope: Scope
    multiple: int
    scores: Mapping[str, Tensor]
    curves: SensitivityCurves | None = None
    _every: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_every", torch.cat(list(self.scores.values())).sort().values)
        widest = max(len(scores) for scores in self.scores.values())
        if all(len(choices(len(scores), self.multiple)) == 1 for scores in self.scores.values()):
            raise UsageError(
                f"no layer can be pruned in steps of {self.multiple} channels: the widest has {widest}",
                hint="set prune.multiple to a smaller number",
            )

    def kept(self, strength: float) -> dict[str, int]:
        """Return the number of channels that every group keeps at a strength within [0, 1]."""
        return {
            name: nearest(self._wanted(name, scores, strength), choices(len(scores), self.multiple))
            for name, scores in self.scores.items()
        }

    def removed(self, kept: Mapping[str, int]) -> dict[str, list[int]]:
        """Return the channels to remove, the least important of every group, in ascending order."""
        return {
            name: sorted(self.scores[name].argsort(stable=True)[: len(self.scores[name]) - count].tolist())
            for name, count in kept.items()
        }

    def _wanted(self, name: str, scores: Tensor, strength: float) -> float:
        count = len(scores)
        if self.scope == "global":
            place = min(round(strength * len(self._every)), len(self._every) - 1)
            return count if strength == 0 else float((scores > self._every[place]).sum())
        if self.scope == "sensitivity" and self.curves is not None:
            return count * (1.0 - share_for_loss(self.curves, name, strength))
        return count * (1.0 - strength)


def choices(channels: int, multiple: int) -> list[int]:
    """Return the widths that a group may have, in ascending order.

    >>> choices(24, 8), choices(20, 8), choices(6, 8)
    ([8, 16, 24], [8, 16, 20], [6])
    """
    least = max(multiple, int(np.ceil(LEAST * channels)))
    whole = range(-(-least // multiple) * multiple, channels, multiple)
    return [*whole, channels]


def nearest(wanted: float, widths: list[int]) -> int:
    """Return the width that is nearest to the wanted one; of two equally near, the larger.

    >>> nearest(12, [8, 16, 24]), nearest(0, [8, 16])
    (16, 8)
    """
    return min(reversed(widths), key=lambda width: abs(width - wanted))
