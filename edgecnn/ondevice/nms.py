"""Non-maximum suppression in numpy: of strongly overlapping boxes, the one with the best score stays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BLOCK = 64
"""Number of boxes judged at once: enough for numpy, but few enough to skip suppressed ones."""


def nms(
    boxes: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
    iou_threshold: float,
    max_detections: int,
) -> npt.NDArray[np.int64]:
    """Choose boxes greedily by score; a chosen box removes overlapping boxes of its class.

    The choice equals that of ``torchvision.ops.batched_nms``; among equal scores the earlier box comes first.

    Args:
        boxes: float32 ``[N, 4]``, corners ``x1, y1, x2, y2`` in any unit.
        scores: float32 ``[N]``.
        classes: int64 ``[N]``; boxes of different classes never remove one another.
        iou_threshold: Intersection over union above which the box with the lower score is removed.
        max_detections: Largest number of chosen boxes.

    Returns:
        int64 indices of the chosen boxes, the best score first.

    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [30, 0, 40, 10]], np.float32)
    >>> nms(boxes, np.array([0.8, 0.9, 0.7, 0.3], np.float32), np.array([0, 0, 1, 0]), 0.5, 100).tolist()
    [1, 2, 3]
    """
    order = np.argsort(-scores, kind="stable")
    # Boxes of other classes are moved apart, in double so that no corner is rounded.
    apart = boxes[order].astype(np.float64)
    if len(apart):
        span = float(apart.max() - apart.min()) + 1.0
        apart += (classes[order] * span)[:, None]
    remaining = np.arange(len(order))
    chosen: list[npt.NDArray[np.int64]] = []
    count = 0
    while len(remaining) and count < max_detections:
        head, remaining = remaining[:_BLOCK], remaining[_BLOCK:]
        head = head[_survivors(_overlaps(apart[head], apart[head], iou_threshold))]
        chosen.append(head)
        count += len(head)
        if len(remaining) and count < max_detections:
            removed = _overlaps(apart[head], apart[remaining], iou_threshold).any(axis=0)
            remaining = remaining[~removed]
    picked = np.concatenate([np.empty(0, np.int64), *chosen])[:max_detections]
    result: npt.NDArray[np.int64] = order[picked].astype(np.int64)
    return result


def _survivors(overlaps: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which boxes stay, bool ``[n]``, given the overlapping pairs; the best box is first."""
    alive = np.ones(len(overlaps), bool)
    for index in np.flatnonzero(np.triu(overlaps, 1).any(axis=1)):
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]
    return alive


def _overlaps(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], iou_threshold: float
) -> npt.NDArray[np.bool_]:
    """Return which pairs of ``[n, 4]`` and ``[m, 4]`` have a larger IoU than allowed, bool ``[n, m]``."""
    left, top, right, bottom = first.T[..., None]
    left2, top2, right2, bottom2 = second.T
    width = np.minimum(right, right2)
    width -= np.maximum(left, left2)
    np.maximum(width, 0.0, out=width)
    shared = np.minimum(bottom, bottom2)
    shared -= np.maximum(top, top2)
    np.maximum(shared, 0.0, out=shared)
    shared *= width
    union = (right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2) - shared
    over: npt.NDArray[np.bool_] = shared > iou_threshold * union
    return over
