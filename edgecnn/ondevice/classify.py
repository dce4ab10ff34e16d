"""Conversion of a classifier's logits to classes with probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.documents import PlainDocument

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Classification(PlainDocument):
    """One class that a network assigns to an image.

    Attributes:
        label: Name of the class.
        index: Its index in the network's output.
        probability: Softmax of the logits, 0..1.
    """

    label: str
    index: int
    probability: float


def count_scores(shapes: Sequence[Sequence[int]]) -> int:
    """Return the number of scores in the outputs of a classifier.

    Args:
        shapes: Shape of every output, the batch first.

    Returns:
        0 if the outputs are not one score a class, such as maps; -1 if their shapes do not show the number.

    >>> count_scores([(1, 10)]), count_scores([(1, 64, 64, 3)]), count_scores([(1, 5), (1, 5)])
    (10, 0, 0)
    """
    if not shapes:
        return -1
    sizes = [size for size in shapes[0][1:] if size != 1]
    if len(shapes) > 1 or len(sizes) > 1:
        return 0
    return sizes[0] if sizes else 1


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return probabilities of the last axis, float64.

    >>> softmax(np.zeros(4, np.float32)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def top_k(logits: npt.NDArray[np.float32], labels: Sequence[str], k: int) -> list[Classification]:
    """Return the ``k`` most probable classes, best first; among equal ones the lower index comes first.

    Args:
        logits: float32 ``[classes]``.
        labels: Names of the classes.
        k: Number of classes; all if there are fewer.

    >>> [(found.label, found.index) for found in top_k(np.float32([1, 3, 3]), ["a", "b", "c"], 2)]
    [('b', 1), ('c', 2)]
    """
    probabilities = softmax(logits)
    order = np.argsort(-logits, kind="stable")[:k]
    return [Classification(labels[index], int(index), float(probabilities[index])) for index in order]
