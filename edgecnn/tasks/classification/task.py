"""The task of a classifier."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.documents.metric import METRICS
from edgecnn.core.errors import InputError
from edgecnn.data.prepare import check_labels
from edgecnn.ondevice.classify import count_scores
from edgecnn.proof.accuracy.paired import compare_accuracy, unpack_hits
from edgecnn.tasks.classification.labelled import LabelledClasses

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
for found in model.classify("photo.jpg", k=3):
    print(found.label, found.probability)"""


class ClassificationTask:
    """A :class:`edgecnn.tasks.base.Task`: one score per class; the largest score names the image.

    Args:
        settings: Must be empty.

    Raises:
        ValueError: There are settings.
    """

    kind = "classification"
    metrics = (METRICS["top1"], METRICS["top5"])
    hub_metrics: Mapping[str, str] = MappingProxyType({"top1": "accuracy"})
    hub_tag = "image-classification"
    device_module = "edgecnn.ondevice.tasks.classification"
    can_draw = False
    comparison = "accuracy"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        if settings:
            raise ValueError(f"{min(settings)!r} is not a setting of a classifier")

    def check(self, images: PreparedSet, classes: int) -> None:
        """Check that every image has the label of a class and no boxes."""
        check_labels(images, classes)

    def check_outputs(self, outputs: Outputs) -> None:
        """Refuse a network without one score per class."""
        if len(outputs) != 1 or outputs[0].ndim != 2:
            shapes = ", ".join(str(list(output.shape[1:])) for output in outputs)
            raise InputError(
                f"the network answers with {shapes} and not with one score a class: "
                "labels cannot be compared",
                hint="leave the labelled images out, or give a network that classifies",
            )

    def training(
        self,
        train_set: PreparedSet,
        eval_set: PreparedSet | None,
        settings: TrainSettings,
        classes: int,  # noqa: ARG002 - the network's outputs are counted
    ) -> TrainingTask:
        """Return the training on images with labels."""
        from edgecnn.tasks.classification.training import ClassificationTraining

        return ClassificationTraining(train_set, eval_set, settings)

    def labelled(self, images: PreparedSet) -> LabelledSet:
        """Return the labelled set for measuring classifiers on the images."""
        return LabelledClasses(np.asarray(images.labels))

    def judge_quantization(
        self,
        link: Link,
        before: Outputs,  # noqa: ARG002
        after: Outputs,  # noqa: ARG002
        contract: Contract,  # noqa: ARG002
        limits: Limits,  # noqa: ARG002
    ) -> Link:
        """Return the link unchanged: the scores of a classifier need no further judgement."""
        return link

    def compare_answers(
        self,
        candidate: Answers,
        baseline: Answers,
        *,
        tolerance: float,
        least_images: int,
    ) -> AccuracyTest:
        """Compare the recorded lists of correctly classified images."""
        try:
            sides = [unpack_hits(str(part.of_task["hits"]), part.images) for part in (candidate, baseline)]
        except (KeyError, ValueError, TypeError) as error:
            raise InputError("the recorded answers are not those of a classifier") from error
        return compare_accuracy(*sides, tolerance=tolerance, least_images=least_images)

    def scored_classes(self, shapes: Sequence[Sequence[int]], *, channels_last: bool) -> int:  # noqa: ARG002
        """Return the number of scores."""
        return count_scores(shapes)

    def java_properties(self) -> Mapping[str, Any]:
        """Return nothing: the Java code needs only the labels."""
        return {}

    def usage(self) -> str:
        """Return code that prints the most probable classes."""
        return _USAGE
