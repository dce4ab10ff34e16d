"""Training of detectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from edgecnn.core.errors import InputError, UsageError
from edgecnn.data.digest import combine
from edgecnn.ondevice.decode import decode
from edgecnn.tasks.detection.average_precision import average_precision
from edgecnn.tasks.detection.batch import BoxBatches
from edgecnn.tasks.detection.loss import DetectionLoss
from edgecnn.tasks.detection.ssd_loss import SsdLoss
from edgecnn.training.batches import check_sets, to_input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.detector import Detections, Detector
    from edgecnn.tasks.detection.batch import Boxes
    from edgecnn.training.distributed import Processes
    from edgecnn.training.method import Method

_LOSSES: dict[tuple[str, str], Callable[[Detector], Method]] = {
    ("dfl", "sigmoid"): DetectionLoss,
    ("ssd", "softmax"): SsdLoss,
}
"""Losses by the codings of boxes and scores."""


@dataclass
class DetectionTraining:
    """A :class:`edgecnn.training.task.TrainingTask`: images with boxes; AP50 is measured after an epoch.

    Attributes:
        train_set: Training images, with boxes.
        eval_set: Images for the evaluation after each epoch.
        settings: Augmentation and the batch size of an evaluation.
        detector: Description of how the network's outputs become boxes.
        classes: Number of classes.
    """

    train_set: PreparedSet
    eval_set: PreparedSet | None
    settings: TrainSettings
    detector: Detector
    classes: int
    metric: str = "ap50"
    _batches: BoxBatches | None = field(default=None, init=False)

    @property
    def identity(self) -> str:
        """Return a digest of the boxes."""
        objects = self.train_set.objects
        return combine(["objects"], [] if objects is None else objects.rows())

    def method(self) -> Method:
        """Return the loss for the detector's codings.

        Raises:
            UsageError: There is no loss for them.
        """
        detector = self.detector
        loss = _LOSSES.get((detector.boxes, detector.scores))
        if loss is None or any(level.objectness is not None for level in detector.levels):
            raise UsageError(
                f"a detector with boxes of the coding {detector.boxes!r} cannot be trained here",
                hint="the zoo's detectors can",
            )
        return loss(detector)

    def taught(
        self,
        teacher: nn.Module,  # noqa: ARG002
        weight: float,  # noqa: ARG002
        temperature: float,  # noqa: ARG002
    ) -> Method | None:
        """Return None: maps of boxes and scores are not a distribution over classes."""
        return None

    def begin(self, module: nn.Module, device: torch.device) -> None:
        """Check the boxes and run one image.

        Raises:
            UsageError: The settings are for classifiers, or a batch is too small for the network.
            InputError: The network does not fit the sets.
        """
        augment = self.settings.augment
        unfit = ("pad_crop", "resized_crop", "randaugment", "mixup", "cutmix")
        for name in unfit:
            if getattr(augment, name):
                raise UsageError(f"train.augment.{name} is for classifiers", hint="see train.augment.boxes")
        check_sets(self.train_set, self.eval_set, self.classes, boxes=True)
        image = to_input(self.train_set.images[:1], self.train_set.contract, device)
        with torch.inference_mode():
            outputs = module.eval()(image)
        try:
            maps = [output.cpu().numpy() for output in outputs]
            decode(self.detector, maps, self.train_set.contract, [(1, 1)])
        except ValueError as error:
            raise InputError(f"the network's outputs do not fit its detector description: {error}") from error
        self._check_batch(outputs)
        self._batches = BoxBatches(self.train_set, augment)

    def _check_batch(self, outputs: Sequence[Tensor]) -> None:
        """Refuse batches of one image if a feature map has a single cell, which would have no variance."""
        alone = min(self.settings.batch_size, len(self.train_set)) == 1
        if alone and not self.settings.transfer.freeze_batch_norm:
            for index, output in enumerate(outputs):
                if output[0, 0].numel() == 1:
                    raise UsageError(
                        f"output {index} has one cell, which a batch of one image cannot train",
                        hint="raise train.batch_size or set train.transfer.freeze_batch_norm",
                    )

    def batch(
        self, indices: npt.NDArray[np.int64], epoch: int, device: torch.device
    ) -> tuple[Tensor, list[Boxes]]:
        """Return images and the boxes of each, in pixels of the input."""
        assert self._batches is not None  # noqa: S101 - the loop begins with begin()
        composed = epoch < self.settings.epochs - self.settings.augment.boxes.plain_epochs
        return self._batches.batch(indices, device, composed=composed)

    def evaluate(self, module: nn.Module, processes: Processes) -> float | None:
        """Return the average precision; every process measures all images, as it is not a mean over them."""
        if self.eval_set is None or self.eval_set.objects is None or not len(self.eval_set):
            return None
        found = detect(
            module, self.detector, self.eval_set, batch_size=self.settings.batch_size, device=processes.device
        )
        return average_precision(found, self.eval_set.objects).ap50


@torch.inference_mode()
def detect(
    module: nn.Module, detector: Detector, prepared: PreparedSet, *, batch_size: int, device: torch.device
) -> list[Detections]:
    """Find objects in all images of a prepared set with boxes.

    Args:
        module: A network in evaluation mode, on ``device``.
        detector: Description of how its outputs become boxes.
        prepared: The images, with their objects and the sizes of their photos.
        batch_size: Number of images in a batch.
        device: Device to compute on.
    """
    assert prepared.objects is not None  # noqa: S101 - the callers checked; tells the type checker
    sizes = prepared.objects.sizes
    lowered = detector.for_evaluation()
    found: list[Detections] = []
    for start in range(0, len(prepared), batch_size):
        images = to_input(prepared.images[start : start + batch_size], prepared.contract, device)
        outputs = [output.float().cpu().numpy() for output in module(images)]
        found += decode(lowered, outputs, prepared.contract, sizes[start : start + len(images)])
    return found
