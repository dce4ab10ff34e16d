"""The interface to interpret a network's outputs, which needs only numpy."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.tasks.table import MODULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.tensor import Array, TensorInfo

    Real = Sequence[npt.NDArray[np.float32]]
    """All outputs for one image as float32, ``[1, ...]`` each, with maps as ``[1, C, H, W]``."""


@dataclass(frozen=True)
class Scene:
    """The context of an answer, besides the outputs.

    Attributes:
        labels: Names of the classes.
        contract: Preprocessing of the image.
        size: Height and width of the upright image in pixels.
        most: Number of wanted results, if a task has that many.
    """

    labels: tuple[str, ...]
    contract: Contract
    size: tuple[int, int]
    most: int = 5


@dataclass(frozen=True)
class RawOutputs:
    """A model's outputs for one image.

    Attributes:
        values: Values in the model's own types, one array per output, with a batch of one.
        tensors: Descriptions of the outputs.
    """

    values: Sequence[Array]
    tensors: Sequence[TensorInfo]

    @property
    def real(self) -> list[npt.NDArray[np.float32]]:
        """Return the values as float32, with maps as ``[1, C, H, W]``."""
        return [
            info.as_in_torch(info.dequantize(values))
            for info, values in zip(self.tensors, self.values, strict=True)
        ]


class TaskAnswers(Protocol):
    """The answers of one task."""

    def check(self, tensors: Sequence[TensorInfo], labels: Sequence[str]) -> None:
        """Check that a model's outputs fit the task.

        Raises:
            DamagedPackage: They do not.
        """

    def found(self, outputs: RawOutputs, scene: Scene) -> list[Any]:
        """Return the results in the outputs, the best first; each has a method ``to_json``."""

    @property
    def key(self) -> str:
        """Return the name under which ``predict`` lists the results."""

    def line(self, item: Mapping[str, Any]) -> str:
        """Return one result as the command prints it."""

    def compare(
        self, want: RawOutputs, have: RawOutputs, scene: Scene, tolerance: Sequence[float]
    ) -> tuple[bool, str]:
        """Compare the answer at build time with this device's.

        Args:
            want: RawOutputs of the reference kernels at build time.
            have: RawOutputs of the shipping kernels on this device.
            scene: Context of the answers.
            tolerance: Largest difference of an output's element: in steps of an integer output, otherwise
                absolute.

        Returns:
            Whether both are the same, and the problem; empty if there is none.
        """

    # An attribute ``compared`` may name what ``compare`` compares; see :func:`compared_by`.


def compared_by(answers: TaskAnswers) -> str:
    """Return what the self-test compares, such as ``best class``: the task's ``compared``, or ``answer``."""
    return str(getattr(answers, "compared", "answer"))


def answers_of(kind: str, settings: Mapping[str, Any]) -> TaskAnswers:
    """Return the answers of a task.

    Args:
        kind: Name of the task, as in a package's manifest.
        settings: The task's settings, from the manifest.

    Raises:
        DamagedPackage: There is no code for the task here.
        ValueError: The settings do not fit the task.
    """
    if kind not in MODULES:
        raise DamagedPackage(f"there is no code here for a model that does {kind}")
    return cast("TaskAnswers", import_module(MODULES[kind]).answers(settings))
