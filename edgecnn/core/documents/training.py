"""The result of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.document import Document, Number

if TYPE_CHECKING:
    from collections.abc import Sequence


class EpochSummary(Document):
    """One epoch of a training."""

    epoch: int
    """Its number, from 0."""

    loss: Number
    lr: float
    """Learning rate at its end."""

    seconds: float
    metric: Number | None
    """The task's metric on the evaluation set; None where it was not measured."""


class TrainingSummary(Document):
    """A finished training."""

    history: list[EpochSummary]
    metric: str
    """Name of the metric."""

    seconds: float
    """Wall time of all epochs."""

    images_per_second: float
    last_metric: Number | None
    """Metric of the last epoch, whose weights are the result."""

    best_metric: Number | None
    """Best metric of any epoch; its weights are not kept, since choosing them here would flatter."""

    @classmethod
    def of(cls, history: Sequence[EpochSummary], images_per_second: float, metric: str) -> TrainingSummary:
        """Summarize a training.

        Args:
            history: Every epoch, those before a resume included.
            images_per_second: Rate of this process' epochs, evaluation not counted; 0 if none was left.
            metric: Name of the task's metric.
        """
        return cls(
            history=list(history),
            metric=metric,
            seconds=sum(epoch.seconds for epoch in history),
            images_per_second=images_per_second,
            last_metric=history[-1].metric,
            best_metric=max((epoch.metric for epoch in history if epoch.metric is not None), default=None),
        )
