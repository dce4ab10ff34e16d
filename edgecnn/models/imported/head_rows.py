"""The tables that a file's answers are compared with: what our decode makes of raw maps, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.box_coding import place_boxes
from edgecnn.ondevice.score_coding import find_scores, sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detector, Level

    Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """One feature map as a table of float32, its rows in the order anchor, row, column.

    Attributes:
        boxes: ``[n, 4]``, corners in pixels of the input.
        scores: ``[n, classes]``, as the device computes them.
        kinds: Number of anchors.
        raw: Further columns that answers may hold, by what they are.
    """

    boxes: Array
    scores: Array
    kinds: int
    raw: dict[str, Array]

    def __len__(self) -> int:
        return len(self.boxes)

    def by_cell(self) -> Rows:
        """Return the same rows with the anchor varying fastest."""
        order = np.arange(len(self)).reshape(self.kinds, -1).T.ravel()
        raw = {name: values[order] for name, values in self.raw.items()}
        return Rows(self.boxes[order], self.scores[order], self.kinds, raw)


def rows_of(detector: Detector, outputs: Sequence[Array], contract: Contract) -> list[Rows]:
    """Decode every cell of every level with the code that devices run.

    Args:
        detector: Description of the outputs.
        outputs: float32 ``[C, H, W]`` each.
        contract: Contains the size of the network's input.
    """
    everything = replace(detector, score_threshold=0.0)
    return [_rows(everything, level, outputs, contract) for level in detector.levels]


def decode_rows(detector: Detector, outputs: Sequence[Array], contract: Contract) -> tuple[Array, Array]:
    """Decode every cell of every level.

    Args:
        detector: Description of the outputs.
        outputs: float32 ``[C, H, W]`` each.
        contract: Contains the size of the network's input.

    Returns:
        Corners ``[n, 4]`` in pixels of the input and scores ``[n, classes]``.
    """
    everything = replace(detector, score_threshold=0.0)
    table = joined([_rows(everything, level, outputs, contract) for level in detector.levels])
    return table.boxes, table.scores


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several levels, one after the other."""
    raw = {name: np.concatenate([part.raw[name] for part in parts]) for name in parts[0].raw}
    boxes, scores = (
        np.concatenate(values) for values in zip(*((p.boxes, p.scores) for p in parts), strict=True)
    )
    return Rows(boxes, scores, 1, raw)


def _rows(detector: Detector, level: Level, outputs: Sequence[Array], contract: Contract) -> Rows:
    kinds = max(1, len(level.anchors))
    cells = outputs[level.boxes][0].size
    anchors = np.repeat(np.arange(kinds), cells)
    places = np.tile(np.arange(cells), kinds)
    boxes = place_boxes(detector, level, outputs[level.boxes], anchors, places, contract)
    scored = find_scores(detector, level, outputs)
    classes = len(outputs[level.scores]) // kinds - (detector.scores == "softmax")
    scores = np.zeros((kinds * cells, classes), np.float32)
    scores[scored.anchors * cells + scored.cells, scored.classes] = scored.scores
    logits = _table(outputs[level.scores], kinds)
    raw = {"raw boxes": _table(outputs[level.boxes], kinds), "logits": logits, "classes": sigmoid(logits)}
    if detector.scores == "softmax":
        odds = np.exp(logits - logits.max(1, keepdims=True))
        raw["with background"] = odds / odds.sum(1, keepdims=True)
    if level.objectness is not None:
        objectness = _table(outputs[level.objectness], kinds)
        raw |= {"objectness logits": objectness, "objectness": sigmoid(objectness)}
    raw["raw distances"] = _raw_distances(detector, level, raw["raw boxes"])
    return Rows(boxes, scores, kinds, raw)


def _raw_distances(detector: Detector, level: Level, raw: Array) -> Array:
    """Return plain distances in pixels, as some files answer them; otherwise the raw boxes again."""
    if detector.boxes == "ltrb-exp":
        return np.exp(raw) * np.float32(level.stride)
    return raw * np.float32(level.stride)


def _table(output: Array, kinds: int) -> Array:
    """Return ``[kinds * k, h, w]`` as ``[kinds * h * w, k]``."""
    table: Array = output.reshape(kinds, len(output) // kinds, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(table.reshape(-1, table.shape[2]))
