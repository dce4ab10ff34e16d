"""A detector's description for the Java code of an Android library."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.ondevice.detector import Detector


def detector_properties(detector: Detector) -> dict[str, str | float]:
    """Return the description of how raw outputs become boxes."""
    lines: dict[str, str | float] = {
        f"detector.{key}": getattr(detector, key)
        for key in ("boxes", "scores", "bins", "score_threshold", "iou_threshold", "candidates")
    }
    center, size = detector.variances
    lines |= {"detector.offset": detector.grid_offset}
    lines |= {"detector.variance.center": center, "detector.variance.size": size}
    lines |= {"detector.max_detections": detector.max_detections, "detector.levels": len(detector.levels)}
    for number, level in enumerate(detector.levels):
        key = f"detector.level.{number}"
        lines |= {f"{key}.stride": level.stride, f"{key}.boxes": level.boxes, f"{key}.scores": level.scores}
        lines |= {f"{key}.anchors": len(level.anchors), f"{key}.scale": level.scale}
        if level.objectness is not None:
            lines[f"{key}.objectness"] = level.objectness
        for index, (width, height) in enumerate(level.anchors):
            lines |= {f"{key}.anchor.{index}.width": width, f"{key}.anchor.{index}.height": height}
    return lines
