"""COCO: one JSON file of images, annotations and categories."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from edgecnn.core.errors import InputError, hinting
from edgecnn.core.files import read_bounded
from edgecnn.data.files import FileSource, path_within
from edgecnn.data.objects import ImageObjects, Objects
from edgecnn.data.sizes import size_of_file

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.data.coco_document import Annotation, Category, CocoFile, Picture

E = TypeVar("E", "Category", "Picture")

MAX_BYTES = 1 << 29
"""Largest file that is read, in bytes; that of COCO's own training images has 470,000,000."""

_FORM = (
    'a COCO file is {"images": [{"id": 1, "file_name": "a.jpg"}, ...], '
    '"categories": [{"id": 1, "name": "cat"}, ...], '
    '"annotations": [{"image_id": 1, "category_id": 1, "bbox": [left, top, width, height]}, ...]}'
)

_SHOWN = 200

Row = tuple[float, float, float, float, int, bool]


def open_coco(file: Path) -> FileSource:
    """Read a COCO file of boxes.

    ``file_name`` is relative to the folder ``images`` beside the file, to the file's folder, or, as in COCO's
    own folders, to ``../train2017`` for ``annotations/instances_train2017.json``: to the first of them that
    has the first image. A size that is not given is read from the image. The classes are the categories in
    the order of their ids. Crowds count neither as found nor as missed. An image without an annotation has no
    objects.

    Raises:
        InputError: The file is not of this form; the message names the entry.
    """
    document = _read(file)
    categories = _by_id(document.categories, "categories", file)
    images = _by_id(document.images, "images", file)
    folder = _folder(file, document.images)
    labels = {number: index for index, number in enumerate(sorted(categories))}
    names = tuple(categories[number].name for number in labels)
    rows = _rows(document.annotations, images, labels, file)
    try:
        found = [_image(image, rows[number], folder, file) for number, image in images.items()]
    except ValueError as error:
        raise InputError(f"{file} is not a COCO file of boxes: {error}", hint=_FORM) from error
    if not found or not names:
        raise InputError(
            f"{file} lists no image" if names else f"{file} names no category",
            hint=_FORM,
        )
    paths = tuple(path for path, _ in found)
    twice, times = Counter(paths).most_common(1)[0]
    if times > 1:
        raise InputError(f"{file} lists the image {twice} twice", hint="remove one of the entries")
    objects = Objects(tuple(image for _, image in found))
    return FileSource(folder, paths, objects.main_labels(), names, objects)


def _read(file: Path) -> CocoFile:
    from edgecnn.data.coco_document import parse_coco

    try:
        with hinting(_FORM):
            return parse_coco(read_bounded(file, MAX_BYTES))
    except ValueError as error:
        raise InputError(f"{file} is not a COCO file of boxes: {error}", hint=_FORM) from error


def _by_id(entries: list[E], what: str, file: Path) -> dict[int, E]:
    found = {entry.id: entry for entry in entries}
    if len(found) < len(entries):
        raise InputError(f"{file} has two {what} of one id", hint="give each an id of its own")
    return found


def _rows(
    annotations: list[Annotation], images: dict[int, Picture], labels: dict[int, int], file: Path
) -> dict[int, list[Row]]:
    """Return the boxes by the id of their image."""
    rows: dict[int, list[Row]] = defaultdict(list)
    for number, annotation in enumerate(annotations):
        where = f"{file}: annotation {number if annotation.id is None else annotation.id}"
        if annotation.image_id not in images:
            raise InputError(
                f"{where} is of image {annotation.image_id}, which is not listed",
                hint="add the image to images, or remove the annotation",
            )
        if annotation.category_id not in labels:
            raise InputError(
                f"{where} has category {annotation.category_id}, which is not listed",
                hint="add it to categories with its name, or remove the annotation",
            )
        if not annotation.bbox:
            raise InputError(f"{where} has no bbox", hint='write its box: "bbox": [left, top, width, height]')
        x, y, width, height = annotation.bbox
        label = labels[annotation.category_id]
        rows[annotation.image_id].append((x, y, x + width, y + height, label, bool(annotation.iscrowd)))
    return rows


def _image(image: Picture, rows: list[Row], folder: Path, file: Path) -> tuple[str, ImageObjects]:
    path = path_within(folder, image.file_name, f"{file}: image {image.id}")
    known = image.height is not None and image.width is not None
    size = (image.height or 0, image.width or 0) if known else size_of_file(folder / path)
    return path, ImageObjects.of(size, rows)


def _folder(file: Path, images: list[Picture]) -> Path:
    """Return the folder of the images: the first usual one that has the first image."""
    part = file.stem.rpartition("_")[2]
    usual = [
        file.parent / "images",
        file.parent,
        file.parent.parent / part,
        file.parent.parent / "images" / part,
    ]
    name = images[0].file_name if images else ""
    for folder in usual:
        if _holds(folder, name):
            return folder
    if file.parent.name == "annotations":
        for other in sorted(file.parent.parent.glob("*")):
            if _holds(other, name):
                raise InputError(
                    f"{file}: image {name[:_SHOWN]!r} is in {other}, where it is not looked for",
                    hint=f"call the file instances_{other.name}.json, or move the images to {usual[0]}",
                )
    return usual[0] if usual[0].is_dir() else file.parent


def _holds(folder: Path, name: str) -> bool:
    with contextlib.suppress(InputError):
        return bool(path_within(folder, name, ""))
    return False
