"""COCO: one JSON file of images, annotations and categories."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from edgecnn.core.errors import InputError
from edgecnn.core.files import read_bounded
from edgecnn.data.files import FileSource, path_within
from edgecnn.data.objects import ImageObjects, Objects

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.data.coco_document import Annotation, Category, CocoFile, Picture

E = TypeVar("E", "Category", "Picture")

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
    categories = _by_id(document.categories, "categories", file)
    images = _by_id(document.images, "images", file)
    labels = {number: index for index, number in enumerate(sorted(categories))}
    names = tuple(categories[number].name for number in labels)
    rows = _rows(document.annotations, images, labels, file)
    try:
        found = [_image(image, rows[number], folder, file) for number, image in images.items()]
    except ValueError as error:
        raise InputError(f"{file} is not a COCO file of boxes: {error}") from error
    if not found or not names:
        raise InputError(f"{file} lists no image" if names else f"{file} names no category")
    paths = tuple(path for path, _ in found)
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise InputError(f"{file} lists the image {twice} twice")
    objects = Objects(tuple(image for _, image in found))
    return FileSource(folder, paths, objects.main_labels(), names, objects)


def _read(file: Path) -> CocoFile:
    from edgecnn.data.coco_document import parse_coco

    try:
        return parse_coco(read_bounded(file, MAX_BYTES))
    except ValueError as error:
        raise InputError(f"{file} is not a COCO file of boxes: {error}") from error


def _by_id(entries: list[E], what: str, file: Path) -> dict[int, E]:
    found = {entry.id: entry for entry in entries}
    if len(found) < len(entries):
        raise InputError(f"{file} has two {what} of one id")
    return found


def _rows(
    annotations: list[Annotation], images: dict[int, Picture], labels: dict[int, int], file: Path
) -> dict[int, list[Row]]:
    """Return the boxes by the id of their image."""
    rows: dict[int, list[Row]] = defaultdict(list)
    for number, annotation in enumerate(annotations):
        where = f"{file}: annotation {number if annotation.id is None else annotation.id}"
        if annotation.image_id not in images:
            raise InputError(f"{where} is of image {annotation.image_id}, which is not listed")
        if annotation.category_id not in labels:
            raise InputError(f"{where} has category {annotation.category_id}, which is not listed")
        x, y, width, height = annotation.bbox
        label = labels[annotation.category_id]
        rows[annotation.image_id].append((x, y, x + width, y + height, label, bool(annotation.iscrowd)))
    return rows


def _image(image: Picture, rows: list[Row], folder: Path, file: Path) -> tuple[str, ImageObjects]:
    path = path_within(folder, image.file_name, f"{file}: image {image.id}")
    return path, ImageObjects.of((image.height, image.width), rows)
