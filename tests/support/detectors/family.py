"""What is known of a family of detectors: its network, its file, and what its maps mean.

What maps mean is computed here a second time, in numpy and float64, from formulas and not from the network's
code: the two must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from tests.support.detectors.network import pictures, settle

if TYPE_CHECKING:
    from tests.support.detectors.network import HeadNet

Array = npt.NDArray[Any]
Maps = Sequence[Array]

SIZE = (96, 160)
NAMES = ("person", "bicycle", "car", "dog", "chair")


@dataclass(frozen=True)
class Truth:
    """What the maps of one image mean, in the order of the file's own rows, before any suppression.

    Attributes:
        boxes: float64 ``[n, 4]``, corners in pixels of the input; rotated boxes are ``[n, 5]``: centre,
            width, height and the angle in radians.
        scores: float64 ``[n, classes]``, without a background.
        points: float64 ``[n, k, 2]`` or ``[n, k, 3]``: column and row in pixels, and visibility.
        coefficients: float64 ``[n, m]`` of the prototypes of masks.
        prototypes: ``[m, H, W]`` of masks.
    """

    boxes: Array
    scores: Array
    points: Array | None = None
    coefficients: Array | None = None
    prototypes: Array | None = None


@dataclass(frozen=True)
class Family:
    """One way in which detectors of one family are written to a file.

    Attributes:
        name: Name of the family and of what is special in this file.
        build: Makes the network; its weights are random here and spread by `net`.
        maps: Names of the raw maps.
        outputs: Names of the file's outputs.
        truth: What the maps of one image mean.
        answers: What the file answers for these maps.
        rows: Whether the answers are the best rows, sorted by a score, so that equal ones may change places.
        source: Name of the file's input.
        size: Height and width of the input.
        white: The value of white in the input.
        channels_last: Whether the input is ``[N, H, W, 3]``.
        metadata: What the exporter writes into the file beside the network.
    """

    name: str
    build: Callable[[], HeadNet]
    maps: tuple[str, ...]
    outputs: tuple[str, ...]
    truth: Callable[[Maps], Truth]
    answers: Callable[[Maps], tuple[Array, ...]]
    rows: bool = False
    source: str = "images"
    size: tuple[int, int] = SIZE
    white: float = 1.0
    channels_last: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    def images(self, count: int, seed: int = 5) -> npt.NDArray[np.float32]:
        """Return pictures as the network takes them."""
        made = pictures(count, self.size, seed) * np.float32(self.white)
        return made.transpose(0, 2, 3, 1).copy() if self.channels_last else made

    def net(self, *, decoded: bool = True) -> HeadNet:
        """Build the network; every call gives the same weights."""
        with torch.random.fork_rng():
            torch.manual_seed(7)
            net = self.build()
            settle(net, self.size, self.white)
        net.decoded = decoded
        net.requires_grad_(requires_grad=False)
        return net


def sigmoid(values: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-values.astype(np.float64))))


def softmax(values: Array, axis: int) -> Array:
    odds = np.exp(values.astype(np.float64) - values.max(axis=axis, keepdims=True))
    return np.asarray(odds / odds.sum(axis=axis, keepdims=True))


def cells(maps: Array) -> Array:
    """Return ``[1, K, h, w]`` as float64 ``[h * w, K]``, the column fastest."""
    found: Array = maps[0].astype(np.float64).reshape(maps.shape[1], -1).T
    return found


def points(maps: Array, stride: float, offset: float) -> Array:
    """Return the points of a map's cells, float64 ``[h * w, 2]`` in pixels, as column and row."""
    rows, columns = np.mgrid[: maps.shape[2], : maps.shape[3]]
    return np.asarray(np.stack([columns.ravel(), rows.ravel()], 1) + offset) * stride


def expected(logits: Array, bins: int) -> Array:
    """Return the mean of a softmax over whole distances: ``[n, 4 * bins]`` to ``[n, 4]``."""
    return np.asarray(softmax(logits.reshape(-1, 4, bins), 2) @ np.arange(bins))


def around(centers: Array, distances: Array) -> Array:
    """Return the boxes with these distances to the left, upper, right and lower side of points."""
    return np.concatenate([centers - distances[:, :2], centers + distances[:, 2:]], 1)


def corners(centers: Array, sides: Array) -> Array:
    """Return the corners of boxes with these centres, widths and heights."""
    return np.concatenate([centers - sides / 2, centers + sides / 2], 1)


def centered(boxes: Array) -> Array:
    """Return corners as centre, width and height."""
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)


def joined(parts: Sequence[Truth]) -> Truth:
    """Return the truth of all levels, one after the other."""

    def rows(values: Sequence[Array | None]) -> Array | None:
        held = [value for value in values if value is not None]
        return np.concatenate(held) if held else None

    return Truth(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        rows([part.points for part in parts]),
        rows([part.coefficients for part in parts]),
    )


def best(table: Array, scores: Array, count: int = 300) -> Array:
    """Return the best rows: the first four columns of the table, score, class, and its other columns.

    Args:
        table: ``[n, 4 + others]``.
        scores: ``[n, classes]``.
        count: Number of rows, at first of anchors by their best class and then of pairs of anchor and class.
    """
    anchors = np.argsort(-scores.max(1), kind="stable")[:count]
    chosen = scores[anchors].ravel()
    order = np.argsort(-chosen, kind="stable")[:count]
    rows = table[anchors[order // scores.shape[1]]]
    classes = order % scores.shape[1]
    return np.concatenate([rows[:, :4], chosen[order, None], classes[:, None], rows[:, 4:]], 1)


def ultralytics(
    task: str, head: str, names: Sequence[str], *, one_to_one: bool = False, nms: bool = False
) -> dict[str, str]:
    """Return metadata in the style of the exporter of section 5: Python literals, not JSON."""
    return {
        "description": "A network of random weights",
        "stride": "32",
        "task": task,
        "head": head,
        "batch": "1",
        "imgsz": str(list(SIZE)),
        "names": str(dict(enumerate(names))),
        "args": str(
            {"batch": 1, "half": False, "dynamic": False, "simplify": True, "nms": nms, "opset": None}
        ),
        "channels": "3",
        "end2end": str(one_to_one),
    }
