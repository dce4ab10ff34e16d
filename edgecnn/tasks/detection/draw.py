"""Photos with the boxes of several networks, such as fp32 and int8, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.data.objects import ImageObjects
    from edgecnn.ondevice.detector import Detections

_MOST_PIXELS = 640
_GAP, _HEADER = 8, 18
_WIDTH = 3
_COLORS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000")
_TRUTH = "#ffffff"


@dataclass(frozen=True)
class Panel:
    """One of the pictures side by side.

    Attributes:
        title: Title above the picture.
        found: The boxes, in pixels of the photo.
    """

    title: str
    found: Detections


def draw_panels(
    photo: Image.Image, panels: Sequence[Panel], truth: ImageObjects, classes: Sequence[str]
) -> Image.Image:
    """Draw the detections of each panel on the photo, labelled objects as thin white lines.

    Args:
        photo: Upright photo; a large one is drawn smaller.
        panels: From left to right.
        truth: The labelled objects.
        classes: Class names.

    Returns:
        An RGB image.
    """
    scale = min(1.0, _MOST_PIXELS / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    small = photo.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    width = len(panels) * (size[0] + _GAP) - _GAP
    sheet = Image.new("RGB", (width, size[1] + _HEADER), "#202020")
    for place, panel in enumerate(panels):
        left = place * (size[0] + _GAP)
        sheet.paste(_drawn(small, panel.found, truth, classes, scale), (left, _HEADER))
        ImageDraw.Draw(sheet).text((left + 4, 3), panel.title, fill="white")
    return sheet


def _drawn(
    photo: Image.Image, found: Detections, truth: ImageObjects, classes: Sequence[str], scale: float
) -> Image.Image:
    picture = photo.copy()
    pen = ImageDraw.Draw(picture)
    for box in truth.boxes * scale:
        pen.rectangle(box.tolist(), outline=_TRUTH, width=1)
    # The best score is drawn last, on top of the others.
    for box, score, label in reversed(list(zip(found.boxes, found.scores, found.classes, strict=True))):
        color = _COLORS[int(label) % len(_COLORS)]
        corners = (box * scale).tolist()
        pen.rectangle(corners, outline=color, width=_WIDTH)
        text = f"{classes[int(label)]} {score:.2f}"
        place = (corners[0] + _WIDTH, max(0.0, corners[1] - 12.0))
        pen.rectangle(pen.textbbox(place, text), fill=color)
        pen.text(place, text, fill="white")
    return picture
