"""How many channels every group keeps, as a function of one number: how hard the network is pruned."""

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
    """Which channels go at which strength.

    At strength 0 nothing goes, at 1 every group is at its least. ``local`` takes the same share of every
    group. ``global`` compares the channels of all groups with each other: each group's scores are relative to
    their mean, or as LAMP scales them. ``sensitivity`` takes from every group what costs the same accuracy
    (Li et al. 2017, Pruning filters for efficient ConvNets, arXiv:1608.08710, section 3.2).

    Attributes:
        scope: How groups share the loss.
        multiple: Channels are kept in multiples of this number, which the target's kernels compute fastest.
        scores: What every channel is worth, float32 ``[channels]``, by group.
        curves: Accuracy against pruned share by group, where the scope is ``sensitivity``.
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
        """Return how many channels every group keeps.

        Args:
            strength: Within [0, 1].
        """
        return {
            name: nearest(self._wanted(name, scores, strength), choices(len(scores), self.multiple))
            for name, scores in self.scores.items()
        }

    def removed(self, kept: Mapping[str, int]) -> dict[str, list[int]]:
        """Return the channels that go, the least worthy of every group, in ascending order."""
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
    """Return the width next to what is wanted; of two that are as near, the larger.

    >>> nearest(12, [8, 16, 24]), nearest(0, [8, 16])
    (16, 8)
    """
    return min(reversed(widths), key=lambda width: abs(width - wanted))
