from __future__ import annotations

import numpy as np
from PIL import Image

from edgecnn.data.objects import ImageObjects
from edgecnn.ondevice.detector import Detections
from edgecnn.tasks.detection.draw import Panel, draw_panels

TRUTH = ImageObjects.of((100, 200), [(20, 30, 60, 80, 0, False)])
FOUND = Detections(np.array([[100, 20, 180, 90]], np.float32), np.array([0.75], np.float32), np.array([1]))
NOTHING = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


def test_boxes_are_where_they_were_found_and_panels_side_by_side() -> None:
    photo = Image.new("RGB", (200, 100), "black")
    sheet = np.asarray(
        draw_panels(photo, [Panel("fp32", NOTHING), Panel("int8", FOUND)], TRUTH, ("cat", "dog"))
    )
    left, right = sheet[-100:, :200], sheet[-100:, -200:]
    assert (left[30, 20:60] == 255).all(), "the labelled object has no white line"
    assert not left[25:90, 100:].any(), "the left panel shows what the right one found"
    assert (right[50, 100:103] == right[50, 100]).all()
    assert right[50, 100].any()
    assert not right[50, 110:170].any(), "boxes are lines and not areas"


def test_large_photos_are_drawn_smaller() -> None:
    photo = Image.new("L", (4000, 2000))
    truth = ImageObjects.of((2000, 4000), [])
    sheet = draw_panels(photo, [Panel("int8", NOTHING)], truth, ("cat",))
    assert sheet.mode == "RGB"
    assert sheet.width == 640
