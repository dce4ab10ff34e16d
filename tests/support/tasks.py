"""Helpers of tests for a network's task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.tasks.detection.task import DetectionTask
from edgecnn.tasks.registry import task_of

if TYPE_CHECKING:
    from edgecnn.models.imported.importer import Imported
    from edgecnn.models.spec import ModelSpec
    from edgecnn.ondevice.detector import Detector


def detector_of(described: ModelSpec | Imported) -> Detector:
    """Return how the outputs of a detector become boxes."""
    task = task_of(described.task)
    assert isinstance(task, DetectionTask), f"the network is for {task.kind}"
    return task.detector
