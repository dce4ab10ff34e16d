"""Evaluation of the curves of a sensitivity analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edgecnn.core.documents.pruning import SensitivityCurves

LEAST = 0.1
"""Share of its channels that every group keeps at least: training cannot restore a removed layer."""


def share_for_loss(curves: SensitivityCurves, name: str, loss: float) -> float:
    """Return the largest share of a group that may be removed for a loss of accuracy; 0 for an unknown group.

    Args:
        curves: Accuracy against the pruned share, for every group.
        name: The group.
        loss: Allowed loss of the metric, within [0, 1].
    """
    curve = next((curve for curve in curves.groups if curve.name == name), None)
    if curve is None:
        return 0.0
    if loss >= 1.0:
        return curve.shares[-1]
    losses = np.maximum.accumulate([0.0, *(curves.whole - value for value in curve.accuracy)])
    steady = losses + 1e-9 * np.arange(len(losses))  # interpolation needs ascending values
    return float(np.interp(loss, steady, [0.0, *curve.shares]))
