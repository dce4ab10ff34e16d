"""The task of a detector."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edgecnn.core.documents.metric import METRICS
from edgecnn.core.errors import InputError
from edgecnn.data.prepare import check_labels
from edgecnn.ondevice.detector import Detector
from edgecnn.proof.accuracy.paired import Precision, compare_precision, unpack_values
from edgecnn.tasks.detection.java import detector_properties
from edgecnn.tasks.detection.labelled import LabelledBoxes
from edgecnn.tasks.detection.score_levels import score_levels, with_score_levels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.core.documents.accuracy import Answers
    from edgecnn.core.documents.link import Link
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.contract import Contract
    from edgecnn.proof.accuracy.paired import AccuracyTest
    from edgecnn.proof.links.limits import Limits
    from edgecnn.tasks.base import LabelledSet, Outputs
    from edgecnn.training.task import TrainingTask

_USAGE = """\
for found in model.detect("photo.jpg"):
    print(found.label, found.score, found.box)"""


class DetectionTask:
    """A :class:`edgecnn.tasks.base.Task`: raw maps that are decoded to boxes with classes and scores.

    Args:
        settings: The detector's description, as :meth:`edgecnn.ondevice.detector.Detector.to_json` writes it.

    Raises:
        ValueError: The settings do not describe a detector.
    """

    kind = "detection"
    metrics = (METRICS["ap"], METRICS["ap50"])
    hub_metrics: Mapping[str, str] = MappingProxyType({"ap": "mean_average_precision"})
    hub_tag = "object-detection"
    device_module = "edgecnn.ondevice.tasks.detection"
    can_draw = True
    comparison = "AP50:95"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.detector = Detector.from_json(dict(settings))

    def check(self, images: PreparedSet, classes: int) -> None:
        """Check that the images have boxes, each with the label of a class."""
        check_labels(images, classes, boxes=True)

    def check_outputs(self, outputs: Outputs) -> None:
        """Accept any outputs: they are checked when they are decoded."""

    def training(
        self, train_set: PreparedSet, eval_set: PreparedSet | None, settings: TrainSettings, classes: int
    ) -> TrainingTask:
        """Return the training on images with boxes."""
        from edgecnn.tasks.detection.training import DetectionTraining

        return DetectionTraining(train_set, eval_set, settings, self.detector, classes)

    def labelled(self, images: PreparedSet) -> LabelledSet:
        """Return the labelled set for measuring detectors on the images.

        Raises:
            InputError: The images have no boxes.
        """
        if images.objects is None:
            raise InputError("the network is a detector, but the dataset has labels only")
        if all(image.ignored.all() for image in images.objects):
            raise InputError("no image of the evaluation set has a box, so detections cannot be counted")
        return LabelledBoxes(self.detector, images.contract, images.objects)

    def judge_quantization(
        self, link: Link, before: Outputs, after: Outputs, contract: Contract, limits: Limits
    ) -> Link:
        """Return the link with the number of distinct scores of the boxes."""
        float_levels, levels = (score_levels(self.detector, outputs, contract) for outputs in (before, after))
        return with_score_levels(link, float_levels, levels, limits)

    def compare_answers(
        self,
        candidate: Answers,
        baseline: Answers,
        *,
        tolerance: float,
        least_images: int,
    ) -> AccuracyTest:
        """Compare AP50:95 on the same resampled images."""
        try:
            sides = [_precision(part) for part in (candidate, baseline)]
        except (KeyError, ValueError, TypeError) as error:
            raise InputError("the recorded answers are not those of a detector") from error
        return compare_precision(*sides, tolerance=tolerance, least_images=least_images)

    def scored_classes(self, shapes: Sequence[Sequence[int]], *, channels_last: bool) -> int:
        """Return the number of classes in the first map of scores, without the background."""
        if not shapes:
            return -1
        level = self.detector.levels[0]
        if len(shapes) != self.detector.outputs or len(shapes[level.scores]) != 4:
            return 0
        shape = shapes[level.scores]
        channels = shape[-1] if channels_last else shape[1]
        return channels // max(1, len(level.anchors)) - int(self.detector.scores == "softmax")

    def java_properties(self) -> Mapping[str, Any]:
        """Return the description of how raw outputs become boxes."""
        return detector_properties(self.detector)

    def usage(self) -> str:
        """Return code that prints the boxes."""
        return _USAGE


def _precision(answers: Answers) -> Precision:
    own = answers.of_task
    return Precision(float(own["ap"]), answers.images, unpack_values(str(own["resampled"])))
