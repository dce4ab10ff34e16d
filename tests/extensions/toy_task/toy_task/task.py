"""The task: what is measured, compared and shipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.documents.metric import Metric
from edgecnn.core.errors import InputError, UsageError
from edgecnn.proof.accuracy.paired import Precision, compare_precision, pack_values, unpack_values
from edgecnn.proof.links.verification import task_cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from PIL import Image

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.core.documents.accuracy import Answers
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.contract import Contract
    from edgecnn.proof.accuracy.paired import AccuracyTest
    from edgecnn.proof.links.limits import Limits
    from edgecnn.tasks.base import Outputs
    from edgecnn.training.task import TrainingTask

_DRAWS = 200
_CLOSE = 0.05


def brightness(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the mean of every image uint8 ``[N, H, W, C]`` as a fraction, float32 ``[N]``."""
    return np.asarray(images.reshape(len(images), -1).mean(axis=1) / 255.0, np.float32)


class BrightnessTask:
    """A :class:`edgecnn.tasks.base.Task`: the pixels themselves are the labels."""

    kind = "brightness"
    metrics = (
        Metric("closeness", "share", "higher", "closeness", task="brightness", budget=False),
        Metric("least_closeness", "share", "higher", task="brightness"),
    )
    hub_tag = "other"
    hub_metrics: Mapping[str, str] = {}
    device_module = "toy_task.device"
    can_draw = False
    comparison = "closeness"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        if set(settings) != {"digits"}:
            raise ValueError(f"{dict(settings)} are not the settings of this task")

    def check(self, images: PreparedSet, classes: int) -> None:
        """Accept every set: no label is needed."""

    def check_outputs(self, outputs: Outputs) -> None:
        """Refuse what is not one number an image."""
        if len(outputs) != 1 or outputs[0].shape[1:] != (1,):
            raise InputError("the network does not answer with one number an image")

    def training(
        self, train_set: PreparedSet, eval_set: PreparedSet | None, settings: TrainSettings, classes: int
    ) -> TrainingTask:
        """Return how a network learns it."""
        from toy_task.training import BrightnessTraining

        del classes
        return BrightnessTraining(train_set, eval_set, settings)

    def labelled(self, images: PreparedSet) -> LabelledBrightness:
        """Return what measures networks on the images."""
        return LabelledBrightness(brightness(np.asarray(images.images)))

    def judge_quantization(
        self, link: Link, before: Outputs, after: Outputs, contract: Contract, limits: Limits
    ) -> Link:
        """Add nothing."""
        del before, after, contract, limits
        return link

    def compare_answers(
        self,
        candidate: Answers,
        baseline: Answers,
        *,
        tolerance: float,
        least_images: int,
    ) -> AccuracyTest:
        """Compare the closeness on the same resampled images."""
        sides = [
            Precision(
                float(part.of_task["closeness"]), part.images, unpack_values(str(part.of_task["resampled"]))
            )
            for part in (candidate, baseline)
        ]
        return compare_precision(*sides, tolerance=tolerance, least_images=least_images)

    def scored_classes(self, shapes: Sequence[Sequence[int]], *, channels_last: bool) -> int:
        """Say that outputs are no classes."""
        del shapes, channels_last
        return -1

    def java_properties(self) -> Mapping[str, Any]:
        """Say nothing: the Java code hands out the number as it is."""
        return {}

    def usage(self) -> str:
        """Show the number."""
        return 'print(model.answers("photo.jpg")[0].brightness)'


@dataclass(frozen=True)
class LabelledBrightness:
    """A :class:`edgecnn.tasks.base.LabelledSet`.

    Attributes:
        truth: float32 ``[N]``.
    """

    truth: npt.NDArray[np.float32]
    metric: str = "closeness"

    def _close(self, outputs: Outputs) -> npt.NDArray[np.float64]:
        """Return one minus the error of every image, float64 ``[N]``."""
        return 1.0 - np.minimum(1.0, np.abs(outputs[0][:, 0].astype(np.float64) - self.truth))

    def _resampled(self, outputs: Outputs) -> npt.NDArray[np.float64]:
        places = np.random.default_rng(0).integers(0, len(self.truth), (_DRAWS, len(self.truth)))
        drawn: npt.NDArray[np.float64] = self._close(outputs)[places].mean(axis=1)
        return drawn

    def values(self, outputs: Outputs) -> dict[str, float]:
        """Return the mean closeness."""
        return {"closeness": float(self._close(outputs).mean())}

    def verify(self, truth: Outputs, shipped: Outputs, limits: Limits) -> Link:
        """Compare the closeness."""
        before, after = self.values(truth)["closeness"], self.values(shipped)["closeness"]
        low, high = np.quantile(self._resampled(truth) - self._resampled(shipped), [0.025, 0.975])
        link = Link(
            number=4,
            name="task",
            compared=f"closeness in shipping execution against fp32 on the same {len(self.truth)} images",
            metrics={
                "drop": before - after,
                "drop_low": float(low),
                "drop_high": float(high),
                "closeness": after,
                "fp32_closeness": before,
                "agreement": self.agreement(truth, shipped),
                "images": float(len(self.truth)),
            },
            limits={"drop": Bound(at_most=limits.task_drop)},
        )
        return task_cause(link, truth, shipped)

    def answers(self, shipped: Outputs) -> dict[str, Any]:
        """Return the closeness, and what it is on resampled images."""
        return {**self.values(shipped), "resampled": pack_values(self._resampled(shipped))}

    def budget_values(self, shipped: Outputs) -> dict[str, float]:
        """Return the closeness of the image that is answered worst."""
        return {"least_closeness": float(self._close(shipped).min())}

    def compare(self, candidate: Outputs, baseline: Outputs) -> AccuracyTest:
        """Compare two networks."""
        sides = [
            Precision(self.values(side)["closeness"], len(self.truth), self._resampled(side))
            for side in (candidate, baseline)
        ]
        return compare_precision(*sides)

    def agreement(self, one: Outputs, other: Outputs) -> float:
        """Return the share of images whose two numbers are close."""
        return float((np.abs(one[0] - other[0]) < _CLOSE).mean())

    def class_agreement(self, one: Outputs, other: Outputs) -> float | None:
        """Return None: there are no classes."""
        del one, other
        return None

    def draw(
        self, photo: Image.Image, number: int, columns: Mapping[str, Outputs], classes: Sequence[str]
    ) -> Image.Image:
        """Refuse: a number has no place in the photo."""
        del photo, number, columns, classes
        raise UsageError("a brightness cannot be drawn")
