"""Conversion of raw head outputs to boxes; scores are filtered first, and only the rest is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.ondevice.box_coding import place_boxes
from edgecnn.ondevice.detector import Detections
from edgecnn.ondevice.nms import nms
from edgecnn.ondevice.preprocess import place
from edgecnn.ondevice.score_coding import find_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detector

    Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """Boxes before suppression, the best score first.

    Attributes:
        boxes: float32 ``[n, 4]``, corners in pixels of the network's input.
        scores: float32 ``[n]``.
        classes: int64 ``[n]``.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]


def decode(
    detector: Detector,
    outputs: Sequence[Array],
    contract: Contract,
    sizes: Sequence[tuple[int, int]],
) -> list[Detections]:
    """Turn the raw outputs of a batch into boxes of the images before preprocessing.

    Args:
        detector: Description of the outputs.
        outputs: One float32 ``[N, C, H, W]`` per output, in the order of the network's outputs.
        contract: Preprocessing of the images.
        sizes: Height and width of each image before preprocessing, in pixels.

    Returns:
        One :class:`Detections` per image.

    Raises:
        ValueError: The outputs do not have the shapes that the detector describes.
    """
    _check_outputs(detector, outputs, len(sizes))
    results = []
    for index, size in enumerate(sizes):
        found = find_candidates(detector, [output[index] for output in outputs], contract)
        results.append(_suppress(detector, found, contract, size))
    return results


def _suppress(detector: Detector, found: Candidates, contract: Contract, size: tuple[int, int]) -> Detections:
    """Remove overlapping boxes and map the rest to the image before preprocessing."""
    kept = nms(found.boxes, found.scores, found.classes, detector.iou_threshold, detector.max_detections)
    boxes = to_source(found.boxes[kept], contract, size)
    return Detections(boxes, found.scores[kept], found.classes[kept])


def _check_outputs(detector: Detector, outputs: Sequence[Array], count: int) -> None:
    """Raise ValueError if the outputs of ``count`` images do not have the described shapes."""
    if len(outputs) != detector.outputs:
        raise ValueError(f"{len(outputs)} outputs, but the detector describes {detector.outputs}")
    for level in detector.levels:
        maps = {outputs[index].shape[2:] for index in level.outputs}
        if len(maps) != 1 or any(outputs[index].ndim != 4 for index in level.outputs):
            shapes = [list(outputs[index].shape) for index in level.outputs]
            raise ValueError(f"outputs {level.outputs} are {shapes}, not [N, C, H, W] of one feature map")
        anchors = max(1, len(level.anchors))
        found = outputs[level.boxes].shape[:2]
        if found != (count, anchors * 4 * detector.bins):
            raise ValueError(
                f"output {level.boxes} is {list(outputs[level.boxes].shape)}, "
                f"not [{count}, {anchors * 4 * detector.bins}, H, W]"
            )
        if len(outputs[level.scores]) != count or outputs[level.scores].shape[1] % anchors:
            raise ValueError(
                f"output {level.scores} is {list(outputs[level.scores].shape)}, "
                f"not [{count}, scores of {anchors} anchors, H, W]"
            )


def find_candidates(detector: Detector, outputs: Sequence[Array], contract: Contract) -> Candidates:
    """Decode the best boxes of one image.

    Args:
        detector: Description of the outputs; a cell may give a box for each class over the threshold.
        outputs: One float32 ``[C, H, W]`` per output.
        contract: Contains the size of the network's input.

    Returns:
        At most ``detector.candidates`` boxes, the best ones.
    """
    scored = [find_scores(detector, level, outputs) for level in detector.levels]
    scores = np.concatenate([found.scores for found in scored])
    least = detector.score_threshold
    if len(scores) > detector.candidates:
        least = float(np.partition(scores, -detector.candidates)[-detector.candidates])
    parts = []
    for level, found in zip(detector.levels, scored, strict=True):
        best = np.flatnonzero(found.scores >= least)
        anchors, cells = found.anchors[best], found.cells[best]
        boxes = place_boxes(detector, level, outputs[level.boxes], anchors, cells, contract)
        parts.append((boxes, found.scores[best], found.classes[best]))
    boxes, scores, classes = (np.concatenate(values) for values in zip(*parts, strict=True))
    best = np.argsort(-scores, kind="stable")[: detector.candidates]
    return Candidates(boxes[best], scores[best], classes[best])


def to_source(boxes: Array, contract: Contract, size: tuple[int, int]) -> Array:
    """Map boxes of the network's input to the image before preprocessing, cut at its borders.

    Args:
        boxes: float32 ``[n, 4]``, corners in pixels of the input.
        contract: Preprocessing of the image.
        size: Height and width of the image in pixels.

    >>> from edgecnn.ondevice.contract import Contract
    >>> letterbox = Contract(height=320, width=320, resize="letterbox")
    >>> to_source(np.array([[0, 0, 160, 320]], np.float32), letterbox, (480, 640)).tolist()
    [[0.0, 0.0, 320.0, 480.0]]
    """
    height, width = size
    where = place(height, width, contract)
    offset = np.array([where.left, where.top] * 2, np.float32)
    scale = np.array([width / where.width, height / where.height] * 2, np.float32)
    limit = np.array([width, height] * 2, np.float32)
    result: Array = np.clip((boxes + offset) * scale, np.float32(0), limit)
    return result


def to_input(boxes: Array, contract: Contract, size: tuple[int, int]) -> Array:
    """Map boxes of an image to the network's input; the inverse of :func:`to_source`, without cutting."""
    height, width = size
    where = place(height, width, contract)
    offset = np.array([where.left, where.top] * 2, np.float32)
    scale = np.array([where.width / width, where.height / height] * 2, np.float32)
    result: Array = boxes * scale - offset
    return result
