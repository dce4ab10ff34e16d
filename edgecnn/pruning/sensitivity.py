"""Accuracy of the network when a single group of channels is pruned.

Nothing is trained in between (Li et al. 2017, arXiv:1608.08710, section 3.2), so the curves rank the groups
but do not predict the accuracy after training. They are measured on training images: ratios chosen on the
evaluation set would make later results on that set look too good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.pruning import SensitivityCurve, SensitivityCurves
from edgecnn.core.doing import say
from edgecnn.pruning.curves import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from edgecnn.pruning.structure import Structure

SHARES = (0.25, 0.5, 0.75, 1.0 - LEAST)
"""Shares of a group's channels that are pruned for a measurement."""


def measure_curves(
    structure: Structure,
    scores: Mapping[str, Tensor],
    evaluate: Callable[[nn.Module], float],
    *,
    metric: str,
    images: int,
    progress: Callable[[int, int], None],
) -> SensitivityCurves:
    """Prune every group separately by growing shares and measure the network each time.

    Args:
        structure: The network and its groups.
        scores: Importance of every channel; the least important are pruned first.
        evaluate: Measures the network.
        metric: Name of the measured value.
        images: Number of images in a measurement.
        progress: Called with (done, total).
    """
    whole = evaluate(structure.module)
    groups = [group for group in structure.groups if group.name in scores]
    curves = []
    for number, group in enumerate(groups):
        order = scores[group.name].argsort(stable=True).tolist()
        accuracy = []
        for share in SHARES:
            say(f"measuring the network without {share:.0%} of the channels of {group.name}")
            with structure.masked({group.name: order[: round(share * group.channels)]}) as module:
                accuracy.append(evaluate(module))
        curves.append(
            SensitivityCurve(
                name=group.name,
                layers=tuple(group.outputs),
                channels=group.channels,
                shares=SHARES,
                accuracy=tuple(accuracy),
            )
        )
        progress(number + 1, len(groups))
    return SensitivityCurves(metric=metric, images=images, whole=whole, groups=tuple(curves))
