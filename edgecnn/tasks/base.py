"""The interface of a task: everything that differs between classification, detection and other tasks.

A :class:`Task` is made of a network's description and knows no images; a :class:`LabelledSet` is a task with
labelled images to measure networks on. Code outside ``edgecnn.tasks`` never asks which task a network has,
but calls the task.
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
    """All outputs of a network for the same images, float32 ``[N, ...]`` each."""


class Task(Protocol):
    """The purpose of a network."""

    @property
    def kind(self) -> str:
        """Return the name of the task, as in a network's description."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics on labelled images; ``accuracy`` budgets apply to the first.

        An attribute of the class, so that budgets know the metrics before there is a network.
        """

    @property
    def hub_tag(self) -> str:
        """Return the task's name on Hugging Face's hub, such as ``image-classification``."""

    @property
    def hub_metrics(self) -> Mapping[str, str]:
        """Return the hub's names of metrics in a model card, by name; a metric left out keeps its own."""

    @property
    def device_module(self) -> str:
        """Return the module that turns outputs into answers on a device; packages contain its source.

        It may import only the standard library, numpy and ``edgecnn.ondevice``, and defines a function
        ``answers(settings)`` that returns an :class:`edgecnn.ondevice.tasks.base.TaskAnswers`.
        """

    @property
    def can_draw(self) -> bool:
        """Return whether :meth:`LabelledSet.draw` can draw answers."""

    def check(self, images: PreparedSet, classes: int) -> None:
        """Check that the labels of prepared images fit the task and the network's classes.

        Raises:
            InputError: They do not; the message names the image.
        """

    def check_outputs(self, outputs: Outputs) -> None:
        """Check that a network's outputs can be compared with labels.

        Raises:
            InputError: They cannot.
        """

    def training(
        self, train_set: PreparedSet, eval_set: PreparedSet | None, settings: TrainSettings, classes: int
    ) -> TrainingTask:
        """Return the training of a network of ``classes`` classes on the sets, which passed :meth:`check`."""

    def labelled(self, images: PreparedSet) -> LabelledSet:
        """Return the labelled set for measuring networks on prepared images.

        Raises:
            InputError: The images have no labels for this task.
        """

    def judge_quantization(
        self, link: Link, before: Outputs, after: Outputs, contract: Contract, limits: Limits
    ) -> Link:
        """Return link 2 with the task's own judgement of a quantized file.

        Args:
            link: The link after each output was judged.
            before: Outputs of the float file for real images.
            after: Outputs of the quantized file, for the same images.
            contract: Preprocessing of the images.
            limits: Limits of the link.
        """

    def compare_answers(
        self,
        candidate: Answers,
        baseline: Answers,
        *,
        tolerance: float,
        least_images: int,
    ) -> AccuracyTest:
        """Compare the recorded :meth:`LabelledSet.answers` of two networks for the same images.

        Raises:
            InputError: The answers are damaged or of another task.
        """

    @property
    def comparison(self) -> str:
        """Return the name of that comparison in a row of ``check``."""

    def scored_classes(self, shapes: Sequence[Sequence[int]], *, channels_last: bool) -> int:
        """Return the number of classes that a model file's outputs score.

        It is 0 if the outputs are not those of the task, and -1 if their shapes do not show the number.

        Args:
            shapes: Shape of every output in the file, the batch first.
            channels_last: Whether a map is ``[N, H, W, C]`` in the file.
        """

    def java_properties(self) -> Mapping[str, Any]:
        """Return the task's settings for the Java code of an Android library."""

    def usage(self) -> str:
        """Return lines of Python that print a package's answers; ``model`` is the opened package."""


def warning_of(labelled: LabelledSet, shipped: Outputs) -> str:
    """Return what is suspicious about a network's answers, by the set's optional method ``warning``.

    ``warning(shipped)`` returns a text such as ``answers the same class for 40 of 40 images``, and an empty
    one if nothing is suspicious.
    """
    warning = getattr(labelled, "warning", None)
    return "" if warning is None else str(warning(shipped))


class LabelledSet(Protocol):
    """A task with labelled images; outputs are those of a network for these images, in their order."""

    @property
    def metric(self) -> str:
        """Return the name of the task's first metric."""

    def values(self, outputs: Outputs) -> dict[str, float]:
        """Return the first metric and further declared metrics, by name."""

    def verify(self, truth: Outputs, shipped: Outputs, limits: Limits) -> Link:
        """Judge link 4: the metric in shipping execution against fp32 on the same images.

        The link's metrics hold ``drop`` with ``drop_low`` and ``drop_high``, ``agreement``, and every metric
        of the task that can have a budget: under its name, as ``fp32_NAME``, and (except for the first) as
        ``NAME_drop``.
        """

    def answers(self, shipped: Outputs) -> dict[str, float | str]:
        """Return the data for comparisons with later runs, as JSON values."""

    def budget_values(self, shipped: Outputs) -> dict[str, float]:
        """Return the metrics that only budgets need, by name; link 4 has the others."""

    def compare(self, candidate: Outputs, baseline: Outputs) -> AccuracyTest:
        """Compare two networks on these images, in both directions."""

    def agreement(self, one: Outputs, other: Outputs) -> float:
        """Return the share of answers that both networks give."""

    def class_agreement(self, one: Outputs, other: Outputs) -> float | None:
        """Return the share of images that both put into the same class; None if images have no class."""

    def draw(
        self, photo: Image.Image, number: int, columns: Mapping[str, Outputs], classes: Sequence[str]
    ) -> Image.Image:
        """Draw the answers of several networks for one image side by side.

        Args:
            photo: The upright photo.
            number: Index of the image in the set.
            columns: Outputs for all images by the title of the column.
            classes: Names of the classes.
        """
