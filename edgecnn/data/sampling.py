"""Choice of some of many images: evenly over the classes, and the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt


def stratified(labels: npt.NDArray[np.int64], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Choose ``count`` indices so that the numbers of images of any two classes differ by one at most.

    If a class has too few images, others fill up. Within a class the order is that of a hash of the seed and
    the index, which needs no random generator whose stream could change with its version.

    Args:
        labels: int64 ``[N]``; unlabelled images count as one class.
        count: Number of indices; all are chosen if there are fewer.
        seed: Another seed gives another choice.

    Returns:
        int64 indices in ascending order.

    >>> stratified(np.array([0, 0, 0, 0, 1, 1]), 4, seed=0)[-2:].tolist()
    [4, 5]
    """
    lottery = np.array([_ticket(seed, index) for index in range(len(labels))], np.uint64)
    order = np.lexsort((lottery, labels))
    starts = np.flatnonzero(np.diff(labels[order], prepend=labels.min(initial=0) - 1))
    lengths = np.diff(starts, append=len(labels))
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - np.repeat(starts, lengths)
    chosen: npt.NDArray[np.int64] = np.sort(np.lexsort((lottery, rank))[:count])
    return chosen


def _ticket(seed: int, index: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=8).digest(), "big")
