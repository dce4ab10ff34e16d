"""Coding of scores: from logits of classes, and of an objectness, to the scores that reach a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.ondevice.detector import Detector, Level

    Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scored:
    """The scores of one feature map that reach the threshold.

    Attributes:
        scores: float32 ``[n]``.
        classes: int64 ``[n]``.
        anchors: int64 ``[n]``, number of the prior box; 0 without priors.
        cells: int64 ``[n]``, row times width plus column.
    """

    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    anchors: npt.NDArray[np.int64]
    cells: npt.NDArray[np.int64]


def find_scores(detector: Detector, level: Level, outputs: Sequence[Array]) -> Scored:
    """Find the scores over the threshold, reading as few numbers as the coding allows."""
    anchors = max(1, len(level.anchors))
    logits = outputs[level.scores]
    logits = logits.reshape(anchors, len(logits) // anchors, -1)
    threshold = np.float32(detector.score_threshold)
    if detector.scores == "softmax":
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        values = odds[:, 1:] / odds.sum(axis=1, keepdims=True)
        anchor, label, cell = np.nonzero(values >= threshold)
        return Scored(values[anchor, label, cell], label, anchor, cell)
    if level.objectness is None:
        anchor, label, cell = np.nonzero(logits >= _logit(detector.score_threshold))
        return Scored(sigmoid(logits[anchor, label, cell]), label, anchor, cell)
    objectness = outputs[level.objectness].reshape(anchors, -1)
    root = detector.scores == "sigmoid-root"
    least = detector.score_threshold**2 if root else detector.score_threshold
    anchor, cell = np.nonzero(objectness >= _logit(least))
    values = sigmoid(objectness[anchor, cell])[:, None] * sigmoid(logits[anchor, :, cell])
    values = np.sqrt(values) if root else values
    where, label = np.nonzero(values >= threshold)
    return Scored(values[where, label], label, anchor[where], cell[where])


def sigmoid(logits: Array) -> Array:
    """Return ``1 / (1 + exp(-x))`` without overflow."""
    result: Array = np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1.0))
    return result


def _logit(score: float) -> np.float32:
    """Return the logit whose sigmoid is ``score``."""
    if not 0.0 < score < 1.0:
        return np.float32(-np.inf if score <= 0.0 else np.inf)
    return np.float32(math.log(score) - math.log1p(-score))
