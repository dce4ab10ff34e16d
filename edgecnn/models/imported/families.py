"""What files of a family of detectors do not say: how a photo becomes their input, and usual thresholds.

The values are those with which the families' authors evaluate. Letterboxes are padded at the right and the
bottom here; the families that pad on both sides find the same objects, moved by the padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.core.text import unknown_name
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZERO, _ONE, _BYTE = (0.0,) * 3, (1.0,) * 3, (255.0,) * 3
_UNIT = {"mean": _ZERO, "std": _BYTE}
_PIXELS = {"mean": _ZERO, "std": _ONE}
_BGR = {"color": "bgr", "mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395)}
_COLOR = 3


@dataclass(frozen=True)
class DetectorFamily:
    """Preprocessing and thresholds of a family.

    Attributes:
        contract: Fields of the preprocessing contract.
        score: Lowest score of a detection.
        iou: Overlap above which suppression removes the box with the lower score.
        most: Largest number of boxes in an image.
    """

    contract: Mapping[str, Any]
    score: float = 0.25
    iou: float = 0.65
    most: int = 300

    def preprocessing(self, height: int, width: int, channels: int) -> Contract:
        """Return the contract for an input of this size; gray images lie within 0..1."""
        if channels != _COLOR:
            gray = {**self.contract, "color": "gray", "mean": (0.0,), "std": (255.0,)}
            return Contract(height, width, **gray)
        return Contract(height, width, **self.contract)


_YOLO = DetectorFamily({"resize": "letterbox", **_UNIT, "pad_value": 114}, iou=0.7)

FAMILIES: Mapping[str, DetectorFamily] = {
    **dict.fromkeys(("yolov5", "yolov6", "yolov7", "yolov8", "yolov9", "yolov10"), _YOLO),
    **dict.fromkeys(("yolo11", "yolo12", "yolo26", "yolo-nas"), _YOLO),
    **dict.fromkeys(("yolov3", "yolov4"), DetectorFamily({"resize": "letterbox", **_UNIT, "pad_value": 128})),
    "yolox": DetectorFamily(
        {"resize": "letterbox", "color": "bgr", **_PIXELS, "pad_value": 114}, score=0.01, most=100
    ),
    "damo-yolo": DetectorFamily({"resize": "letterbox", **_PIXELS, "pad_value": 0}, iou=0.7),
    "nanodet": DetectorFamily({"resize": "letterbox", **_BGR, "pad_value": 0}, iou=0.6, most=100),
    "nanodet-plus": DetectorFamily({"resize": "squash", **_BGR}, iou=0.6, most=100),
    "picodet": DetectorFamily({"resize": "squash"}, iou=0.6, most=100),
    "ppyoloe": DetectorFamily({"resize": "squash", "interpolation": "bicubic"}, iou=0.7),
    "rtmdet": DetectorFamily({"resize": "letterbox", **_BGR, "pad_value": 114}),
    "ssd": DetectorFamily({"resize": "squash", "mean": (127.5,) * 3, "std": (127.5,) * 3}, iou=0.6, most=100),
    "retinanet": DetectorFamily({"resize": "letterbox", "pad_value": 0}, iou=0.5, most=100),
    "efficientdet": DetectorFamily(
        {"resize": "letterbox", "mean": (127.0,) * 3, "std": (128.0,) * 3, "pad_value": 0}, iou=0.5, most=100
    ),
    "yunet": DetectorFamily(
        {"resize": "letterbox", "color": "bgr", **_PIXELS, "pad_value": 0}, score=0.6, iou=0.3, most=100
    ),
}
"""The families by the names that users give."""


def family_named(name: str) -> DetectorFamily:
    """Return a family.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in FAMILIES:
        raise unknown_name("family of detectors", name, sorted(FAMILIES))
    return FAMILIES[name]
