"""Measuring detectors on labelled images: average precision, and link 4 of the verification chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.errors import InputError
from edgecnn.ondevice.decode import decode
from edgecnn.proof.accuracy.paired import Precision, compare_precision, pack_values
from edgecnn.proof.links.verification import task_cause
from edgecnn.tasks.detection.average_precision import AveragePrecision, average_precision
from edgecnn.tasks.detection.draw import Panel, draw_panels
from edgecnn.tasks.detection.matching import overlaps, resampled_precision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from edgecnn.data.objects import Objects
    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.detector import Detections, Detector
    from edgecnn.proof.accuracy.paired import AccuracyTest
    from edgecnn.proof.links.limits import Limits
    from edgecnn.tasks.base import Outputs

_CONFIDENCE = 0.95
_SAME_PLACE = 0.5


def decode_all(
    detector: Detector, outputs: Outputs, contract: Contract, sizes: Sequence[tuple[int, int]]
) -> list[Detections]:
    """Return the detections of every image, including those of low scores.

    Raises:
        InputError: The outputs do not fit the detector.
    """
    try:
        return decode(detector.for_evaluation(), outputs, contract, sizes)
    except ValueError as error:
        raise InputError(f"the network's outputs do not fit its detector description: {error}") from error


@dataclass(frozen=True)
class LabelledBoxes:
    """A :class:`edgecnn.tasks.base.LabelledSet`: images with boxes.

    Attributes:
        detector: Description of how outputs become boxes.
        contract: Preprocessing of the images.
        objects: The boxes of each image.
    """

    detector: Detector
    contract: Contract
    objects: Objects
    metric: str = "ap"

    def decode(self, outputs: Outputs) -> list[Detections]:
        """Return the detections of every image, including those of low scores.

        Raises:
            InputError: The outputs do not fit the detector.
        """
        return decode_all(self.detector, outputs, self.contract, self.objects.sizes)

    def values(self, outputs: Outputs) -> dict[str, float]:
        """Return ``ap`` (AP50:95) and ``ap50``."""
        return _named(average_precision(self.decode(outputs), self.objects))

    def verify(self, truth: Outputs, shipped: Outputs, limits: Limits) -> Link:
        """Compare average precision, with a paired interval over the images."""
        expected, found = self.decode(truth), self.decode(shipped)
        before, after = average_precision(expected, self.objects), average_precision(found, self.objects)
        low, high = self._drop_interval(expected, found)
        alike = detections_alike(self._shown(expected), self._shown(found))
        link = Link(
            number=4,
            name="task",
            compared=f"AP50:95 in shipping execution against fp32 on the same {len(self.objects)} images",
            metrics={
                "drop": before.ap - after.ap,
                "drop_low": low,
                "drop_high": high,
                **_named(after),
                **{f"fp32_{name}": value for name, value in _named(before).items()},
                "ap50_drop": before.ap50 - after.ap50,
                "agreement": alike,
                "images": float(len(self.objects)),
            },
            limits={"drop": Bound(at_most=limits.task_drop)},
        )
        return task_cause(link, truth, shipped)

    def answers(self, shipped: Outputs) -> dict[str, float | str]:
        """Return the metric and its values on resampled images."""
        found = self.decode(shipped)
        resampled = resampled_precision(found, self.objects)
        return {**_named(average_precision(found, self.objects)), "resampled": pack_values(resampled)}

    def budget_values(self, shipped: Outputs) -> dict[str, float]:  # noqa: ARG002
        """Return nothing: link 4 has both metrics."""
        return {}

    def warning(self, shipped: Outputs) -> str:
        """Say that no image has a detection, although there are labelled objects."""
        found = self._shown(self.decode(shipped))
        alike = any(map(len, self.objects)) and not any(map(len, found))
        return f"finds no object in {len(found)} of {len(found)} images" if alike else ""

    def compare(self, candidate: Outputs, baseline: Outputs) -> AccuracyTest:
        """Compare AP50:95."""
        return compare_precision(*(self._precision(self.decode(side)) for side in (candidate, baseline)))

    def agreement(self, one: Outputs, other: Outputs) -> float:
        """Return the share of shown detections that both have."""
        return detections_alike(*(self._shown(self.decode(side)) for side in (one, other)))

    def class_agreement(self, one: Outputs, other: Outputs) -> float | None:  # noqa: ARG002
        """Return None: an image may show objects of several classes."""
        return None

    def draw(
        self, photo: Image.Image, number: int, columns: Mapping[str, Outputs], classes: Sequence[str]
    ) -> Image.Image:
        """Draw the boxes that are shown, and the labelled objects."""
        truth = self.objects[number]
        panels = []
        for title, outputs in columns.items():
            own = [output[number : number + 1] for output in outputs]
            (found,) = decode(self.detector, own, self.contract, [truth.size])
            panels.append(Panel(title, found))
        return draw_panels(photo, panels, truth, classes)

    def _precision(self, found: list[Detections]) -> Precision:
        ap = average_precision(found, self.objects).ap
        return Precision(ap, len(self.objects), resampled_precision(found, self.objects))

    def _shown(self, found: list[Detections]) -> list[Detections]:
        return [image.above(self.detector.score_threshold) for image in found]

    def _drop_interval(self, expected: list[Detections], found: list[Detections]) -> tuple[float, float]:
        """Return the percentile bootstrap interval of the loss of AP, with the same draws for both."""
        drops = resampled_precision(expected, self.objects) - resampled_precision(found, self.objects)
        tail = (1.0 - _CONFIDENCE) / 2.0
        low, high = np.quantile(drops, [tail, 1.0 - tail])
        return float(low), float(high)


def detections_alike(expected: Sequence[Detections], found: Sequence[Detections]) -> float:
    """Return the share of two networks' detections that match: same class, and IoU of at least one half.

    It is twice the number of matches over the number of all detections; 1 if neither network has any.
    """
    matched = total = 0
    for one, other in zip(expected, found, strict=True):
        total += len(one) + len(other)
        near = overlaps(one.boxes.astype(np.float64), other.boxes.astype(np.float64)) >= _SAME_PLACE
        near &= one.classes[:, None] == other.classes
        free = np.ones(len(other), bool)
        for row in near:
            candidates = np.flatnonzero(row & free)
            if candidates.size:
                free[candidates[0]] = False
                matched += 1
    return 2 * matched / total if total else 1.0


def _named(value: AveragePrecision) -> dict[str, float]:
    return {"ap": value.ap, "ap50": value.ap50}
