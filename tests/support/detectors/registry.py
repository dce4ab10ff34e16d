"""All families of detectors of which there is a network."""

from __future__ import annotations

from tests.support.detectors import yolov8

FAMILIES = {family.name: family for module in (yolov8,) for family in module.FAMILIES}
