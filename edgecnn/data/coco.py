"""COCO: one JSON file of images, annotations and categories."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.data.files import FileSource, path_within
from edgecnn.data.objects import ImageObjects, Objects

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 30

Row = tuple[float, float, float, float, int, bool]


def open_coco(file: Path) -> FileSource:
    """Read a COCO file of boxes.

    ``file_name`` is relative to the folder ``images`` beside the file if there is one, else to the file's
    folder. The classes are the categories in the order of their ids. Crowds count neither as found nor as
    missed. An image without an annotation has no objects.

    Raises:
        InputError: The file is not of this form; the message names the entry.
    """
    document = _read(file)
    folder = file.parent / "images"
    folder = folder if folder.is_dir() else file.parent
    try:
        categories = _by_id(document["categories"], "categories", file)
        images = _by_id(document["images"], "images", file)
        names = tuple(str(categories[number]["name"]) for number in sorted(categories))
        labels = {number: index for index, number in enumerate(sorted(categories))}
        rows = _rows(document["annotations"], images, labels, file)
        found = [_image(image, rows[number], folder, file) for number, image in images.items()]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{file} is not a COCO file of boxes: {type(error).__name__} {error}") from error
    if not found or not names:
        raise InputError(f"{file} lists no image" if names else f"{file} names no category")
    paths = tuple(path for path, _ in found)
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise InputError(f"{file} lists the image {twice} twice")
    objects = Objects(tuple(image for _, image in found))
    return FileSource(folder, paths, objects.main_labels(), names, objects)


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{file} is larger than {MAX_BYTES >> 20} MiB")
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not a JSON file: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{file} is not a COCO file: it holds no object")
    return document


def _by_id(entries: list[dict[str, Any]], what: str, file: Path) -> dict[int, dict[str, Any]]:
    found = {int(entry["id"]): entry for entry in entries}
    if len(found) < len(entries):
        raise InputError(f"{file} has two {what} of one id")
    return found


def _rows(
    annotations: list[dict[str, Any]], images: dict[int, Any], labels: dict[int, int], file: Path
) -> dict[int, list[Row]]:
    """Return the boxes by the id of their image."""
    rows: dict[int, list[Row]] = defaultdict(list)
    for number, annotation in enumerate(annotations):
        where = f"{file}: annotation {annotation.get('id', number)}"
        image, category = int(annotation["image_id"]), int(annotation["category_id"])
        if image not in images:
            raise InputError(f"{where} is of image {image}, which is not listed")
        if category not in labels:
            raise InputError(f"{where} has category {category}, which is not listed")
        x, y, width, height = (float(value) for value in annotation["bbox"])
        crowd = bool(annotation.get("iscrowd", 0))
        rows[image].append((x, y, x + width, y + height, labels[category], crowd))
    return rows


def _image(image: dict[str, Any], rows: list[Row], folder: Path, file: Path) -> tuple[str, ImageObjects]:
    path = path_within(folder, str(image["file_name"]), f"{file}: image {image['id']}")
    return path, ImageObjects.of((int(image["height"]), int(image["width"])), rows)
