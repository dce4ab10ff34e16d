"""Measuring classifiers on labelled images: top-1 accuracy, and link 4 of the verification chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.errors import UsageError
from edgecnn.proof.accuracy.classification import (
    agreement,
    paired_difference,
    top_k_accuracy,
    top_k_hits,
)
from edgecnn.proof.accuracy.paired import class_floor, compare_accuracy, pack_hits
from edgecnn.proof.links.verification import task_cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from edgecnn.proof.accuracy.classification import Labels
    from edgecnn.proof.accuracy.paired import AccuracyTest
    from edgecnn.proof.links.limits import Limits
    from edgecnn.tasks.base import Outputs


@dataclass(frozen=True)
class LabelledClasses:
    """A :class:`edgecnn.tasks.base.LabelledSet`: images with one label each.

    Attributes:
        labels: int64 ``[N]``.
    """

    labels: Labels
    metric: str = "top1"

    def values(self, outputs: Outputs) -> dict[str, float]:
        """Return ``top1`` and ``top5``."""
        (logits,) = outputs
        top5 = top_k_accuracy(logits, self.labels, k=min(5, logits.shape[1]))
        return {"top1": top_k_accuracy(logits, self.labels), "top5": top5}

    def verify(self, truth: Outputs, shipped: Outputs, limits: Limits) -> Link:
        """Compare top-1."""
        (expected,), (logits,) = truth, shipped
        return verify_task(expected, logits, self.labels, limits)

    def answers(self, shipped: Outputs) -> dict[str, float | str]:
        """Return which images are classified correctly."""
        (logits,) = shipped
        return {"hits": pack_hits(top_k_hits(logits, self.labels))}

    def budget_values(self, shipped: Outputs) -> dict[str, float]:
        """Return the accuracy of the class with the lowest known accuracy."""
        (logits,) = shipped
        return {"class_floor": class_floor(logits, self.labels)}

    def warning(self, shipped: Outputs) -> str:
        """Say that every image gets the same class, unless all labels are the same too."""
        (logits,) = shipped
        alike = len(set(logits.argmax(axis=1).tolist())) == 1 < len(set(self.labels.tolist()))
        return f"answers the same class for {len(logits)} of {len(logits)} images" if alike else ""

    def compare(self, candidate: Outputs, baseline: Outputs) -> AccuracyTest:
        """Compare the correctly classified images."""
        (after,), (before,) = candidate, baseline
        return compare_accuracy(top_k_hits(after, self.labels), top_k_hits(before, self.labels))

    def agreement(self, one: Outputs, other: Outputs) -> float:
        """Return the share of images with the same class."""
        return agreement(one[0], other[0])

    def class_agreement(self, one: Outputs, other: Outputs) -> float | None:
        """Return the agreement: an image has one class."""
        return self.agreement(one, other)

    def draw(
        self,
        photo: Image.Image,
        number: int,
        columns: Mapping[str, Outputs],
        classes: Sequence[str],
    ) -> Image.Image:
        """Refuse: a class has no position in the photo.

        Raises:
            UsageError: Always.
        """
        del photo, number, columns, classes
        raise UsageError("a classifier's answers cannot be drawn", hint="leave --draw out")


def verify_task(
    float_outputs: npt.NDArray[np.float32],
    shipping_outputs: npt.NDArray[np.float32],
    labels: Labels,
    limits: Limits,
) -> Link:
    """Return link 4: top-1 accuracy in shipping execution against fp32, on the same images.

    Args:
        float_outputs: Outputs of fp32 PyTorch, float32 ``[N, classes]``.
        shipping_outputs: Outputs of the target's file in shipping execution, with the same shape.
        labels: int64 ``[N]``.
        limits: Limit on the measured drop; the interval is reported beside it.
    """
    paired = paired_difference(top_k_hits(shipping_outputs, labels), top_k_hits(float_outputs, labels))
    link = Link(
        number=4,
        name="task",
        compared=f"top-1 in shipping execution against fp32 on the same {paired.images} images",
        metrics={
            "drop": 0.0 - paired.difference,  # not -x, which would give -0.0
            "drop_low": 0.0 - paired.high,
            "drop_high": 0.0 - paired.low,
            "top1": paired.candidate,
            "fp32_top1": paired.baseline,
            "p_value": paired.p_value,
            "agreement": agreement(float_outputs, shipping_outputs),
            "images": float(paired.images),
        },
        limits={"drop": Bound(at_most=limits.task_drop)},
    )
    return task_cause(link, [float_outputs], [shipping_outputs])
