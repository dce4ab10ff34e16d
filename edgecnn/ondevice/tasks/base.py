"""What every task can say of a network's outputs, with no more than numpy."""

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
    """Every output for one image as float32, ``[1, ...]`` each, maps as ``[1, C, H, W]``."""


@dataclass(frozen=True)
class Scene:
    """What an answer is about, besides the outputs.

    Attributes:
        labels: Names of the classes.
        contract: How the image became the network's input.
        size: Height and width of the upright image in pixels.
        most: How many answers are wanted, where a task has that many: of classes the most probable.
    """

    labels: tuple[str, ...]
    contract: Contract
    size: tuple[int, int]
    most: int = 5


@dataclass(frozen=True)
class RawOutputs:
    """What a model gave for one image.

    Attributes:
        values: In the model's own types, one array an output, the batch of one first.
        tensors: What the outputs are.
    """

    values: Sequence[Array]
    tensors: Sequence[TensorInfo]

    @property
    def real(self) -> list[npt.NDArray[np.float32]]:
        """The same as float32, maps as ``[1, C, H, W]``."""
        return [
            info.as_in_torch(info.dequantize(values))
            for info, values in zip(self.tensors, self.values, strict=True)
        ]


class TaskAnswers(Protocol):
    """The answers of one task."""

    def check(self, tensors: Sequence[TensorInfo], labels: Sequence[str]) -> None:
        """Compare a model's outputs with what the task expects.

        Raises:
            DamagedPackage: They do not fit.
        """

    def found(self, outputs: RawOutputs, scene: Scene) -> list[Any]:
        """Return what the outputs say, the best first; each item has a method ``to_json``."""

    @property
    def key(self) -> str:
        """Under which name ``predict`` lists what was found."""

    def line(self, item: Mapping[str, Any]) -> str:
        """Return one item of that list as the command prints it."""

    def compare(
        self, want: RawOutputs, have: RawOutputs, scene: Scene, tolerance: Sequence[float]
    ) -> tuple[bool, str]:
        """Compare the answer that a package was built with to this device's.

        Args:
            want: RawOutputs of the reference kernels where the package was built.
            have: RawOutputs of the kernels that ship, here.
            scene: What the answers are about.
            tolerance: Most that an element of an output may differ: in steps of an integer output, else
                absolute.

        Returns:
            Whether both say the same, and what is wrong; empty where nothing is.
        """


def answers_of(kind: str, settings: Mapping[str, Any]) -> TaskAnswers:
    """Return the answers of a task.

    Args:
        kind: Name of the task, as in a package's manifest.
        settings: The task's own settings, from there.

    Raises:
        DamagedPackage: There is no code for the task here.
        ValueError: The settings are not the task's.
    """
    if kind not in MODULES:
        raise DamagedPackage(f"there is no code here for a model that does {kind}")
    return cast("TaskAnswers", import_module(MODULES[kind]).answers(settings))
