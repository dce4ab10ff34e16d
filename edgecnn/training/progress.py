"""Progress reports of a running training."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_BETWEEN_REPORTS = 0.5


@dataclass(frozen=True)
class TrainProgress:
    """The state of a training at one moment.

    Attributes:
        epoch: Index of the current epoch, from 0.
        epochs: Number of epochs.
        step: Steps done in this epoch.
        steps: Steps of one epoch.
        loss: Mean training loss of the epoch so far.
        lr: Learning rate of the last step.
        images_per_second: Images a second since this process began to train, summed over all processes.
        seconds_left: Expected time until the end of the last epoch.
        metric: The task's metric on the evaluation set; None before the end of the epoch.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    lr: float
    images_per_second: float
    seconds_left: float
    metric: float | None = None


class Meter:
    """Timer that reports the steps of this process, at most a few times a second.

    Args:
        report: Called with the progress.
        epochs: Number of epochs.
        steps: Steps of one epoch.
        images: Images of one step, all processes together.
    """

    def __init__(
        self, report: Callable[[TrainProgress], None], *, epochs: int, steps: int, images: int
    ) -> None:
        self._report = report
        self._epochs = epochs
        self._steps = steps
        self._images = images
        self._steps_timed = 0
        self._seconds = 0.0
        self._last_report = float("-inf")
        self._loss_sum = 0.0
        self._step = 0
        self._started = 0.0

    @property
    def images_per_second(self) -> float:
        """Return the rate of the steps timed so far."""
        return self._steps_timed * self._images / self._seconds if self._seconds > 0 else 0.0

    @property
    def loss(self) -> float:
        """Return the mean loss of the current epoch."""
        return self._loss_sum / max(1, self._step)

    def begin_epoch(self) -> None:
        """Start the clock of an epoch."""
        self._loss_sum, self._step, self._started = 0.0, 0, time.monotonic()

    def step(self, epoch: int, loss: float, lr: float) -> None:
        """Count one finished step."""
        now = time.monotonic()
        self._seconds += now - self._started
        self._started = now
        self._steps_timed += 1
        self._step += 1
        self._loss_sum += loss
        if now - self._last_report >= _SECONDS_BETWEEN_REPORTS:
            self._last_report = now
            self._report(self._progress(epoch, lr, None))

    def end_epoch(self, epoch: int, lr: float, metric: float | None) -> None:
        """Report the end of an epoch, no matter how recent the last report is."""
        self._report(self._progress(epoch, lr, metric))

    def _progress(self, epoch: int, lr: float, metric: float | None) -> TrainProgress:
        steps_left = (self._epochs - epoch) * self._steps - self._step
        return TrainProgress(
            epoch=epoch,
            epochs=self._epochs,
            step=self._step,
            steps=self._steps,
            loss=self.loss,
            lr=lr,
            images_per_second=self.images_per_second,
            seconds_left=steps_left * self._seconds / max(1, self._steps_timed),
            metric=metric,
        )
