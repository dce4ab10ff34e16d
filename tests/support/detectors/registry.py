"""All families of detectors of which there is a network."""

from __future__ import annotations

from tests.support.detectors import (
    distances,
    heatmaps,
    nanodet,
    retinanet,
    ssd,
    suppressed,
    yolov3,
    yolov5,
    yolov8,
    yolov8_tasks,
    yolox,
)

_MODULES = (
    yolov8,
    yolov5,
    nanodet,
    yolox,
    ssd,
    yolov3,
    distances,
    retinanet,
    heatmaps,
    yolov8_tasks,
    suppressed,
)
FAMILIES = {family.name: family for module in _MODULES for family in module.FAMILIES}
