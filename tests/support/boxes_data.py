"""Small datasets of pictures with boxes, in the three formats, that a detector can learn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edgecnn.data.source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecnn.data.base import ImageSource
    from edgecnn.data.objects import Objects
    from edgecnn.data.prepared import PreparedSet

CLASSES = ("disc", "square")
Row = tuple[int, ...]
"""``x1, y1, x2, y2, label``."""


def scene(seed: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, list[Row]]:
    """Draw one or two shapes on noise; return uint8 ``[H, W, 3]`` and rows ``x1, y1, x2, y2, label``."""
    random = np.random.default_rng(seed)
    pixels = random.normal(60, 12, (height, width, 3))
    rows: list[Row] = []
    for side in range(int(random.integers(1, 3))):
        size = int(random.integers(14, 24))
        left = int(random.integers(0, width // 2 - size // 2)) + side * (width // 2)
        left, top = min(left, width - size), int(random.integers(0, height - size))
        y, x = np.mgrid[0:size, 0:size] / (size - 1) - 0.5
        label = int(random.integers(0, 2))
        shape = (x**2 + y**2 < 0.25) if label == 0 else np.ones_like(x, bool)
        pixels[top : top + size, left : left + size][shape] = (220, 90, 40) if label == 0 else (60, 120, 230)
        rows.append((left, top, left + size, top + size, label))
    return np.clip(pixels, 0, 255).astype(np.uint8), rows


def write_images(folder: Path, count: int, start: int = 0) -> dict[str, list[Row]]:
    """Write PNG files and return their boxes by name."""
    folder.mkdir(parents=True)
    found = {}
    for number in range(start, start + count):
        pixels, rows = scene(number)
        found[f"{number}.png"] = rows
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return found


def write_voc(folder: Path, count: int) -> Path:
    """Write ``images/`` and ``annotations/``."""
    found = write_images(folder / "images", count)
    (folder / "annotations").mkdir()
    for name, rows in found.items():
        text = voc_xml(name, rows)
        (folder / "annotations" / name.replace(".png", ".xml")).write_text(text, encoding="utf-8")
    return folder


def voc_xml(name: str, rows: Iterable[tuple[int | str, ...]], *, size: tuple[int, int] = (48, 64)) -> str:
    """Return a VOC annotation."""
    things = "".join(
        f"<object><name>{CLASSES[int(label)]}</name><difficult>0</difficult><bndbox><xmin>{x1}</xmin>"
        f"<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for x1, y1, x2, y2, label in rows
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[1]}</width>"
        f"<height>{size[0]}</height><depth>3</depth></size>{things}</annotation>"
    )


def write_yolo(folder: Path, count: int) -> Path:
    """Write ``images/``, ``labels/`` and ``classes.txt``."""
    found = write_images(folder / "images", count)
    (folder / "labels").mkdir()
    (folder / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    for name, rows in found.items():
        lines = [
            f"{label} {(x1 + x2) / 128:.6f} {(y1 + y2) / 96:.6f} {(x2 - x1) / 64:.6f} {(y2 - y1) / 48:.6f}"
            for x1, y1, x2, y2, label in rows
        ]
        (folder / "labels" / name.replace(".png", ".txt")).write_text("\n".join(lines), encoding="utf-8")
    return folder


def coco(found: dict[str, list[Row]]) -> dict[str, list[dict[str, object]]]:
    """Return a COCO document; category ids are 7 and 9, as they need not start at 1."""
    annotations: list[dict[str, object]] = [
        {
            "id": 100 * number + place,
            "image_id": number,
            "category_id": (7, 9)[label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "iscrowd": 0,
        }
        for number, rows in enumerate(found.values())
        for place, (x1, y1, x2, y2, label) in enumerate(rows)
    ]
    return {
        "images": [
            {"id": number, "file_name": name, "height": 48, "width": 64} for number, name in enumerate(found)
        ],
        "annotations": annotations,
        "categories": [{"id": 9, "name": CLASSES[1]}, {"id": 7, "name": CLASSES[0]}],
    }


def write_coco(folder: Path, count: int) -> Path:
    """Write ``images/`` and ``boxes.json``; return the latter."""
    found = write_images(folder / "images", count)
    (folder / "boxes.json").write_text(json.dumps(coco(found)), encoding="utf-8")
    return folder / "boxes.json"


def opened(reference: Path | str) -> ImageSource:
    """Open a dataset as a pipeline does."""
    return open_source(str(reference), cache_dir=Path("unused"))


def objects_of(images: ImageSource | PreparedSet) -> Objects:
    """Return the boxes that came with images."""
    assert images.objects is not None, "no boxes came with the images"
    return images.objects


def boxes_of(reference: Path | str) -> list[list[list[float]]]:
    """Return the corners of all boxes of a dataset, image by image."""
    return [image.boxes.tolist() for image in objects_of(opened(reference))]
