"""Interpretation of a detector's maps: boxes with classes and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.ondevice.boxes import detections
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.detector import Detector
from edgecnn.ondevice.failure import DamagedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.ondevice.boxes import Detection
    from edgecnn.ondevice.tasks.base import RawOutputs, Scene
    from edgecnn.ondevice.tensor import TensorInfo


@dataclass(frozen=True)
class BoxAnswers:
    """Answers of :class:`edgecnn.ondevice.tasks.base.TaskAnswers`, boxes in pixels of the upright image.

    Attributes:
        detector: Description of how the maps become boxes.
    """

    detector: Detector
    key: str = "detections"
    compared: str = "classes of boxes"

    def check(self, tensors: Sequence[TensorInfo], labels: Sequence[str]) -> None:  # noqa: ARG002
        """Compare the number of outputs with the detector's."""
        if len(tensors) != self.detector.outputs:
            raise DamagedPackage(
                f"the model has {len(tensors)} outputs, its detector {self.detector.outputs}"
            )

    def found(self, outputs: RawOutputs, scene: Scene) -> list[Detection]:
        """Return the boxes, the best score first."""
        (found,) = decode(self.detector, outputs.real, scene.contract, [scene.size])
        return detections(found, scene.labels)

    def line(self, item: Mapping[str, Any]) -> str:
        """Return score, name and corners as text."""
        box = ", ".join(f"{side:.1f}" for side in item["box"])
        return f"{100 * item['score']:6.2f} %  {item['label']}  {box}"

    def compare(
        self,
        want: RawOutputs,
        have: RawOutputs,
        scene: Scene,
        tolerance: Sequence[float],  # noqa: ARG002
    ) -> tuple[bool, str]:
        """Compare the classes of the boxes; boxes near a threshold may differ, which is not a problem."""
        classes = [sorted(box.index for box in self.found(side, scene)) for side in (want, have)]
        return classes[0] == classes[1], ""


def answers(settings: Mapping[str, Any]) -> BoxAnswers:
    """Return the answers of a detector.

    Raises:
        ValueError: The settings do not describe a detector.
    """
    return BoxAnswers(Detector.from_json(dict(settings), "settings"))
