"""All families of detectors of which there is a network."""

from __future__ import annotations

from tests.support.detectors import nanodet, ssd, yolov5, yolov8, yolox

_MODULES = (yolov8, yolov5, nanodet, yolox, ssd)
FAMILIES = {family.name: family for module in _MODULES for family in module.FAMILIES}
