"""How far the product's decode of a family's file is from what the maps mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.ondevice.decode import find_candidates
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.models.imported.importer import Imported
    from edgecnn.ondevice.decode import Candidates
    from tests.support.detectors.family import Array, Family, Truth

_ROWS = 200
_ALL = 100_000
_CLASS = 1000.0
"""What a wrong class adds to an error."""
_CLOSE = 1e-3


def decode_error(family: Family, found: Imported) -> float:
    """Return the largest error of the boxes and scores that the product decodes from a picture.

    The best 200 rows of the product must be among those of the truth, and the best row of every class in the
    truth among those of the product. An error of a box is in pixels, relative to a
    hundredth of what is over a hundred.

    Args:
        family: The family.
        found: Its file as the product reads it, recognized as a detector.
    """
    images = torch.from_numpy(family.images(1))
    like = [part.numpy() for part in family.net(decoded=False)(images)]
    network = ImportedNetwork(found.graph).eval()
    network.load_state_dict(found.state)
    with torch.no_grad():
        answer = network(images.permute(0, 3, 1, 2) if family.channels_last else images)
    outputs = [part.numpy() for part in (answer if isinstance(answer, tuple) else (answer,))]
    every = replace(detector_of(found), score_threshold=0.0, candidates=_ALL)
    candidates = find_candidates(every, [part[0] for part in outputs], found.contract)
    return _distance(candidates, family.truth(_same_maps(like, outputs)))


def _same_maps(like: Sequence[Array], outputs: Sequence[Array]) -> list[Array]:
    """Return the product's maps in the family's order; those of PyTorch where the product cuts elsewhere.

    Both come from the same weights, but the last digits differ, and the error is to be the decode's alone.
    """
    maps = []
    for part in like:
        near = [other for other in outputs if other.shape == part.shape]
        close = [other for other in near if np.allclose(other, part, rtol=_CLOSE, atol=_CLOSE)]
        maps.append(close[0] if close else part)
    return maps


def _distance(found: Candidates, truth: Truth) -> float:
    rows = np.concatenate([found.boxes, found.scores[:, None], found.classes[:, None] * _CLASS], 1)
    rows = rows[np.argsort(-rows[:, 4])].astype(np.float64)
    classes = truth.scores.shape[1]
    pairs = np.concatenate(
        [
            np.repeat(truth.boxes, classes, 0),
            truth.scores.reshape(-1, 1),
            np.tile(np.arange(classes) * _CLASS, len(truth.boxes))[:, None],
        ],
        1,
    )
    if rows.shape[1] != pairs.shape[1] or not len(rows):
        return float("inf")
    tops = rows[:_ROWS]
    likely = pairs[pairs[:, 4] >= tops[:, 4].min() - _CLOSE]
    best = np.array([max(pairs[place::classes], key=lambda row: float(row[4])) for place in range(classes)])
    return max(_farthest(tops, likely), _farthest(best, rows))


def _farthest(rows: Array, among: Array) -> float:
    """Return the largest distance of a row to the nearest of others."""
    if not len(among):
        return float("inf")
    unit = np.maximum(1.0, np.abs(rows) / 100.0)
    unit[:, 5] = 1.0
    return float(max((np.abs(among - row) / one).max(1).min() for row, one in zip(rows, unit, strict=True)))
