"""The answer of a package on a device: the number. Packages contain this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.ondevice.failure import DamagedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.ondevice.tasks.base import RawOutputs, Scene
    from edgecnn.ondevice.tensor import TensorInfo


@dataclass(frozen=True)
class Brightness:
    """Brightness of an image, 0..1."""

    brightness: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"brightness": self.brightness}


@dataclass(frozen=True)
class BrightnessAnswers:
    """Answers of :class:`edgecnn.ondevice.tasks.base.TaskAnswers`."""

    digits: int
    key: str = "values"
    compared: str = "brightness"

    def check(self, tensors: Sequence[TensorInfo], labels: Sequence[str]) -> None:
        """Refuse what is not one number."""
        del labels
        if len(tensors) != 1 or tensors[0].shape[1:] != (1,):
            raise DamagedPackage("the model does not answer with one number")

    def found(self, outputs: RawOutputs, scene: Scene) -> list[Brightness]:
        """Return the number."""
        del scene
        return [Brightness(round(float(outputs.real[0].reshape(-1)[0]), self.digits))]

    def line(self, item: Mapping[str, Any]) -> str:
        """Show the number."""
        return f"brightness {item['brightness']}"

    def compare(
        self, want: RawOutputs, have: RawOutputs, scene: Scene, tolerance: Sequence[float]
    ) -> tuple[bool, str]:
        """Compare the numbers; the tolerance of the outputs has said the rest."""
        del tolerance
        return self.found(want, scene) == self.found(have, scene), ""


def answers(settings: Mapping[str, Any]) -> BrightnessAnswers:
    """Return the answers of this task."""
    return BrightnessAnswers(int(settings["digits"]))
