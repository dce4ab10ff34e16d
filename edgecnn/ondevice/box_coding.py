"""Coding of boxes: one function for each way in which networks write boxes into their maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.score_coding import sigmoid

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detector, Level

    Array = npt.NDArray[np.float32]

SSD_CENTER, SSD_SIZE = np.float32(0.1), np.float32(0.2)
"""Variances of the offsets from a prior box, of its centre and of its sides (Liu et al. 2016, SSD)."""
# The limit of torchvision's BoxCoder: a box at most 62.5 times the size of its prior.
_MAX_LOG_SCALE = np.float32(math.log(1000.0 / 16.0))
_MAX_LOG_STRIDES = np.float32(math.log(8192.0))  # no input is larger
_HALF = np.float32(0.5)


@dataclass(frozen=True)
class _Places:
    """The cells and anchors that boxes belong to.

    Attributes:
        detector: Description of the outputs.
        level: Description of the feature map.
        points: float32 ``[n, 2]``, columns and rows of the cells plus the detector's offset.
        anchors: float32 ``[n, 2]``, width and height of the anchors in pixels; ``[n, 0]`` without anchors.
        cell: float32 ``[2]``, width and height of a cell in pixels, where maps divide the input evenly.
    """

    detector: Detector
    level: Level
    points: Array
    anchors: Array
    cell: Array

    @property
    def stride(self) -> np.float32:
        """Return the pixels from one cell to the next."""
        return np.float32(self.level.stride)


def place_boxes(
    detector: Detector,
    level: Level,
    output: Array,
    anchors: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int64],
    contract: Contract,
) -> Array:
    """Decode boxes of one feature map.

    Args:
        detector: Description of the outputs.
        level: Description of the feature map.
        output: Its map of boxes, float32 ``[C, H, W]``.
        anchors: int64 ``[n]``, number of each box's anchor.
        cells: int64 ``[n]``, row times width plus column of each box's cell.
        contract: Contains the size of the network's input.

    Returns:
        float32 ``[n, 4]``, corners in pixels of the input.
    """
    if not len(cells):
        return np.empty((0, 4), np.float32)
    channels, height, width = output.shape
    kinds = max(1, len(level.anchors))
    raw = output.reshape(kinds, channels // kinds, -1)[anchors, :, cells]
    column, row = (cells % width).astype(np.float32), (cells // width).astype(np.float32)
    places = _Places(
        detector,
        level,
        np.stack([column, row], 1) + np.float32(detector.grid_offset),
        np.array(level.anchors, np.float32).reshape(len(level.anchors), -1)[anchors]
        if level.anchors
        else np.empty((len(cells), 0), np.float32),
        np.array([contract.width / width, contract.height / height], np.float32),
    )
    return _CODINGS[detector.boxes](raw, places)


def expected_distance(logits: Array, bins: int) -> Array:
    """Return the mean of a softmax over whole distances: ``[n, 4 * bins]`` to ``[n, 4]``, in strides."""
    odds = np.exp((logits := logits.reshape(-1, 4, bins)) - logits.max(axis=2, keepdims=True))
    mean: Array = (odds @ np.arange(bins, dtype=np.float32)) / odds.sum(axis=2)
    return mean


def _around(centers: Array, half: Array) -> Array:
    return np.concatenate([centers - half, centers + half], 1)


def _distances(distances: Array, places: _Places) -> Array:
    """Return the boxes at distances in strides from points, in the order left, top, right, bottom."""
    corners = [places.points - distances[:, :2], places.points + distances[:, 2:]]
    found: Array = np.concatenate(corners, 1) * places.stride
    return found


def _ltrb(raw: Array, places: _Places) -> Array:
    return _distances(np.maximum(raw, 0), places)


def _dfl(raw: Array, places: _Places) -> Array:
    return _distances(expected_distance(raw, places.detector.bins), places)


def _ltrb_exp(raw: Array, places: _Places) -> Array:
    return _distances(np.exp(np.minimum(raw, _MAX_LOG_STRIDES)), places)


def _yolox(raw: Array, places: _Places) -> Array:
    centers = (raw[:, :2] + places.points) * places.stride
    half: Array = np.exp(np.minimum(raw[:, 2:], _MAX_LOG_STRIDES)) * places.stride * _HALF
    return _around(centers, half)


def _anchor_centers(raw: Array, places: _Places) -> Array:
    """Return centres that reach ``(scale - 1) / 2`` cells over the borders of their cell."""
    scale = np.float32(places.level.scale)
    offsets = scale * sigmoid(raw[:, :2]) - (scale - 1) * _HALF
    found: Array = (offsets + places.points) * places.stride
    return found


def _anchors_v3(raw: Array, places: _Places) -> Array:
    half: Array = np.exp(np.minimum(raw[:, 2:], _MAX_LOG_STRIDES)) * places.anchors * _HALF
    return _around(_anchor_centers(raw, places), half)


def _anchors_v5(raw: Array, places: _Places) -> Array:
    half: Array = np.square(2 * sigmoid(raw[:, 2:])) * places.anchors * _HALF
    return _around(_anchor_centers(raw, places), half)


def _ssd(raw: Array, places: _Places) -> Array:
    center, size = (np.float32(value) for value in places.detector.variances)
    centers = places.points * places.cell + raw[:, :2] * center * places.anchors
    half: Array = np.exp(np.minimum(raw[:, 2:] * size, _MAX_LOG_SCALE)) * places.anchors * _HALF
    return _around(centers, half)


_CODINGS: dict[str, Callable[[Array, _Places], Array]] = {
    "ltrb": _ltrb,
    "ltrb-signed": _distances,
    "ltrb-exp": _ltrb_exp,
    "dfl": _dfl,
    "yolox": _yolox,
    "anchors-v3": _anchors_v3,
    "anchors-v5": _anchors_v5,
    "ssd": _ssd,
}
