"""Average precision of detections, by faster-coco-eval, which reproduces COCO's own evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.data.objects import Objects
    from edgecnn.ondevice.detector import Detections


_Row = dict[str, str | float | list[float]]
"""An entry of COCO's JSON."""


@dataclass(frozen=True)
class AveragePrecision:
    """COCO's average precision over all classes that occur, with 100 detections per image; -1 without boxes.

    Attributes:
        ap: Mean over the overlaps 0.50, 0.55, ..., 0.95.
        ap50: At an overlap of 0.50, as in Pascal VOC.
    """

    ap: float
    ap50: float


def average_precision(found: Sequence[Detections], objects: Objects) -> AveragePrecision:
    """Measure the detections of all images of a set against its boxes.

    Raises:
        ValueError: The numbers of images differ.
        MissingDependency: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise MissingDependency(
            f"average precision needs faster-coco-eval: {error}", hint="pip install 'edgecnn[torch]'"
        ) from error
    if len(found) != len(objects):
        raise ValueError(f"detections of {len(found)} images, but boxes of {len(objects)}")
    rows = _result_rows(found)
    labels = {int(label) for image in objects for label in image.labels}
    answered = {int(label) for image in found for label in image.classes}
    if not labels:
        return AveragePrecision(-1.0, -1.0)
    if not rows:
        return AveragePrecision(0.0, 0.0)
    truth = COCO(
        _dataset(objects, labels | answered),
        print_function=_silent,
    )
    evaluation = COCOeval_faster(truth, truth.loadRes(rows), iouType="bbox", print_function=_silent)
    evaluation.run()
    return AveragePrecision(float(evaluation.stats[0]), float(evaluation.stats[1]))


def _dataset(objects: Objects, labels: set[int]) -> dict[str, list[_Row]]:
    annotations: list[_Row] = []
    for number, image in enumerate(objects):
        for box, label, ignored in zip(image.boxes, image.labels, image.ignored, strict=True):
            x, y, width, height = _with_size(box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(label) + 1,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(ignored),
                }
            )
    return {
        "images": [
            {"id": number, "height": height, "width": width}
            for number, (height, width) in enumerate(objects.sizes)
        ],
        "annotations": annotations,
        "categories": [{"id": label + 1, "name": str(label)} for label in sorted(labels)],
    }


def _result_rows(found: Sequence[Detections]) -> list[_Row]:
    return [
        {
            "image_id": number,
            "category_id": int(label) + 1,
            "bbox": _with_size(box),
            "score": float(score),
        }
        for number, image in enumerate(found)
        for box, score, label in zip(image.boxes, image.scores, image.classes, strict=True)
    ]


def _with_size(box: Any) -> list[float]:
    x1, y1, x2, y2 = np.asarray(box, np.float64).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _silent(*_: object) -> None:
    """Print nothing: by default the library prints its table."""
