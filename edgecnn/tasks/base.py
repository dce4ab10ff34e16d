"""What a task is: everything that differs between networks that classify, detect or do something else.

A :class:`Task` is made of a network's description and knows no images; a :class:`LabelledSet` is a task
together with the labelled images that networks are measured on. Nothing outside ``edgecnn.tasks`` asks which
task a network has: it asks the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.core.documents.accuracy import Answers
    from edgecnn.core.documents.link import Link
    from edgecnn.core.documents.metric import Metric
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.contract import Contract
    from edgecnn.proof.accuracy.paired import AccuracyTest
    from edgecnn.proof.links.limits import Limits
    from edgecnn.training.task import TrainingTask

    Outputs = Sequence[npt.NDArray[np.float32]]
    """Every output of a network for the same images, float32 ``[N, ...]`` each."""


class Task(Protocol):
    """What a network is for."""

    @property
    def kind(self) -> str:
        """Name of the task, as in a network's description."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured on labelled images; the first is what ``accuracy`` budgets bind."""

    @property
    def hub_tag(self) -> str:
        """What Hugging Face's hub calls the task, such as ``image-classification``."""

    @property
    def hub_metrics(self) -> Mapping[str, str]:
        """What the hub calls the metrics in a model card, by name; its own name where one is left out."""

    @property
    def device_module(self) -> str:
        """Name of the module that turns outputs into answers on a device; packages carry its source.

        It may import the standard library, numpy and ``edgecnn.ondevice`` only, and holds a function
        ``answers(settings)`` that returns an :class:`edgecnn.ondevice.tasks.base.TaskAnswers`.
        """

    @property
    def can_draw(self) -> bool:
        """Whether :meth:`LabelledSet.draw` makes pictures of answers."""

    def check(self, images: PreparedSet, classes: int) -> None:
        """Check that the labels of prepared images fit the task and the network's classes.

        Raises:
            InputError: They do not; the message names the image.
        """

    def check_outputs(self, outputs: Outputs) -> None:
        """Check that a network's outputs for labelled images can be compared with the labels.

        Raises:
            InputError: They cannot.
        """

    def training(
        self, train_set: PreparedSet, eval_set: PreparedSet | None, settings: TrainSettings, classes: int
    ) -> TrainingTask:
        """Return what a network of so many classes learns from the sets, which :meth:`check` accepted."""

    def labelled(self, images: PreparedSet) -> LabelledSet:
        """Return what measures networks on prepared images.

        Raises:
            InputError: The images have nothing to measure a network by.
        """

    def judge_quantization(
        self, link: Link, before: Outputs, after: Outputs, contract: Contract, limits: Limits
    ) -> Link:
        """Return link 2 with what only this task can say of a quantized file.

        Args:
            link: The link as it was judged output by output.
            before: Outputs of the float file for real images.
            after: Outputs of the quantized file, for the same images.
            contract: How the images became the network's input.
            limits: What is allowed.
        """

    def compare_answers(
        self,
        candidate: Answers,
        baseline: Answers,
        *,
        tolerance: float,
        least_images: int,
    ) -> AccuracyTest:
        """Compare what :meth:`LabelledSet.answers` once returned for two networks on the same images.

        Raises:
            InputError: The answers are damaged or those of another task.
        """

    @property
    def comparison(self) -> str:
        """What a row of ``check`` calls that comparison."""

    def scored_classes(self, shapes: Sequence[Sequence[int]], *, channels_last: bool) -> int:
        """Return how many classes the outputs of a model file score; -1 where their shapes do not tell.

        Args:
            shapes: Shape of every output in the file, the batch first.
            channels_last: Whether a map is ``[N, H, W, C]`` in the file.
        """

    def java_properties(self) -> Mapping[str, Any]:
        """Return what the Java code of an Android library must know of the task."""

    def usage(self) -> str:
        """Return lines of Python that show a package's answers; ``model`` is the opened package there."""


class LabelledSet(Protocol):
    """A task and labelled images; outputs are those of networks for these images, in their order."""

    @property
    def metric(self) -> str:
        """Name of the task's first metric."""

    def values(self, outputs: Outputs) -> dict[str, float]:
        """Return the first metric, and others by their names."""

    def verify(self, truth: Outputs, shipped: Outputs, limits: Limits) -> Link:
        """Judge link 4: the metric in shipping execution against fp32 on the same images.

        The link's metrics hold ``drop`` with ``drop_low`` and ``drop_high``, ``agreement``, and every metric
        of the task that can bind a budget under its name, as ``fp32_NAME``, and (but the first) as
        ``NAME_drop``.
        """

    def answers(self, shipped: Outputs) -> dict[str, Any]:
        """Return what later runs are compared with, JSON values."""

    def budget_values(self, shipped: Outputs) -> dict[str, float]:
        """Return the metrics that only budgets ask for, by name; link 4 has the others."""

    def compare(self, candidate: Outputs, baseline: Outputs) -> AccuracyTest:
        """Compare two networks on these images, in both directions."""

    def agreement(self, one: Outputs, other: Outputs) -> float:
        """Return the share of answers that both give."""

    def class_agreement(self, one: Outputs, other: Outputs) -> float | None:
        """Return the share of images that both put into the same class; None where an image has no class."""

    def draw(
        self, photo: Image.Image, number: int, columns: Mapping[str, Outputs], classes: Sequence[str]
    ) -> Image.Image:
        """Draw the answers of several networks for one image side by side.

        Args:
            photo: The upright photo.
            number: Which of the images it is.
            columns: Outputs for all images by the title of the column.
            classes: Names of the classes.
        """
