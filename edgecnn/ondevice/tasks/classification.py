"""Interpretation of a classifier's scores: the most probable classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.ondevice.classify import count_scores, top_k
from edgecnn.ondevice.failure import DamagedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.ondevice.classify import Classification
    from edgecnn.ondevice.tasks.base import RawOutputs, Scene
    from edgecnn.ondevice.tensor import TensorInfo


class ClassAnswers:
    """Answers of :class:`edgecnn.ondevice.tasks.base.TaskAnswers`, one score a class."""

    key = "classes"
    compared = "best class"

    def check(self, tensors: Sequence[TensorInfo], labels: Sequence[str]) -> None:
        """Compare the number of scores with the labels."""
        classes = count_scores([tensor.shape for tensor in tensors])
        if classes not in (-1, len(labels)):
            shapes = ", ".join(str(list(tensor.shape)) for tensor in tensors)
            raise DamagedPackage(f"there are {len(labels)} labels for outputs of {shapes}")

    def found(self, outputs: RawOutputs, scene: Scene) -> list[Classification]:
        """Return the most probable classes."""
        return top_k(outputs.real[0].reshape(-1), scene.labels, scene.most)

    def line(self, item: Mapping[str, Any]) -> str:
        """Return probability and name as text."""
        return f"{100 * item['probability']:6.2f} %  {item['label']}"

    def compare(
        self,
        want: RawOutputs,
        have: RawOutputs,
        scene: Scene,  # noqa: ARG002
        tolerance: Sequence[float],
    ) -> tuple[bool, str]:
        """Compare the best class; a different one is a problem unless the reference ties."""
        logits = want.values[0].astype(np.float64).reshape(-1)
        best, chosen = int(logits.argmax()), int(have.values[0].reshape(-1).argmax())
        apart = logits[best] - logits[chosen] > 2.0 * tolerance[0]
        return best == chosen, f"best class {chosen} instead of {best}" if apart else ""


def answers(settings: Mapping[str, Any]) -> ClassAnswers:
    """Return the answers of a classifier, which has no settings."""
    del settings
    return ClassAnswers()
