"""What accuracy the network loses when one group of channels is pruned and nothing else.

Nothing is trained in between (Li et al. 2017, arXiv:1608.08710, section 3.2), so what is measured is an order
of the groups and no forecast. It is measured on training images: ratios chosen on the evaluation set would
flatter what is measured there later.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.pruning.policy import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from edgecnn.pruning.structure import Structure

SHARES = (0.25, 0.5, 0.75, 1.0 - LEAST)
"""Shares of a group's channels that are pruned to measure."""


@dataclass(frozen=True)
class Curve:
    """Accuracy against the pruned share of one group.

    Attributes:
        name: The group.
        layers: Layers whose outputs the group is.
        channels: How many channels it has.
        shares: Pruned shares, in ascending order.
        accuracy: The task's metric at each.
    """

    name: str
    layers: tuple[str, ...]
    channels: int
    shares: tuple[float, ...]
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class Curves:
    """The curves of all groups.

    Attributes:
        metric: What is measured.
        images: On how many training images.
        whole: The metric of the whole network.
        groups: A curve a group.
    """

    metric: str
    images: int
    whole: float
    groups: tuple[Curve, ...]

    def share(self, name: str, loss: float) -> float:
        """Return the largest share of a group that may go for a loss of accuracy; 0 for an unknown group.

        Args:
            name: The group.
            loss: Loss of the metric, within [0, 1].
        """
        curve = next((curve for curve in self.groups if curve.name == name), None)
        if curve is None:
            return 0.0
        if loss >= 1.0:
            return curve.shares[-1]
        losses = np.maximum.accumulate([0.0, *(self.whole - value for value in curve.accuracy)])
        steady = losses + 1e-9 * np.arange(len(losses))  # interpolation asks for ascending values
        return float(np.interp(loss, steady, [0.0, *curve.shares]))

    def to_json(self) -> dict[str, Any]:
        """Return the curves as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Curves:
        """Rebuild from :meth:`to_json`."""
        groups = tuple(
            Curve(
                name=curve["name"],
                layers=tuple(curve["layers"]),
                channels=curve["channels"],
                shares=tuple(curve["shares"]),
                accuracy=tuple(curve["accuracy"]),
            )
            for curve in data["groups"]
        )
        return cls(data["metric"], data["images"], data["whole"], groups)


def measure_curves(
    structure: Structure,
    scores: Mapping[str, Tensor],
    evaluate: Callable[[nn.Module], float],
    *,
    metric: str,
    images: int,
    progress: Callable[[int, int], None],
) -> Curves:
    """Prune every group alone by growing shares and measure the network each time.

    Args:
        structure: The network and its groups.
        scores: What every channel is worth; the least worthy go first.
        evaluate: Measures the network.
        metric: What it measures.
        images: On how many images.
        progress: Told what is done, of how much.
    """
    whole = evaluate(structure.module)
    groups = [group for group in structure.groups if group.name in scores]
    curves = []
    for number, group in enumerate(groups):
        order = scores[group.name].argsort(stable=True).tolist()
        accuracy = []
        for share in SHARES:
            with structure.masked({group.name: order[: round(share * group.channels)]}) as module:
                accuracy.append(evaluate(module))
        curves.append(Curve(group.name, tuple(group.outputs), group.channels, SHARES, tuple(accuracy)))
        progress(number + 1, len(groups))
    return Curves(metric, images, whole, tuple(curves))
