"""YOLO text files: one per image, one line per object: ``class x_center y_center width height``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, hinting
from edgecnn.core.files import exists, is_file, read_bounded_text
from edgecnn.data import classes as classes_file
from edgecnn.data.files import FileSource
from edgecnn.data.image_folder import IMAGE_SUFFIXES
from edgecnn.data.numbers import real_number, whole_number
from edgecnn.data.objects import ImageObjects, Objects
from edgecnn.data.sizes import size_of_file

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 22
_FORM = (
    "a line is: class x_center y_center width height, the class as a whole number, the four as shares of the "
    "image's size"
)
_VALUES = 5


def open_yolo(labels: Path, images: Path) -> FileSource:
    """Read a folder of YOLO labels; ``classes.txt`` beside the folders or in ``labels`` names the classes.

    An image without a label file, or with an empty one, has no objects.

    Args:
        labels: Folder of ``.txt`` files, each named like its image.
        images: Folder of images, without sub-folders.

    Raises:
        InputError: There is no image or no ``classes.txt``, a label file belongs to no image, or a line has
            another form.
    """
    names = _names(images.parent / classes_file.FILE_NAME, labels / classes_file.FILE_NAME)
    files = sorted(path for path in images.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise InputError(f"{images} holds no image", hint="put images into it, without sub-folders")
    by_stem = {path.stem: path for path in files}
    if len(by_stem) < len(files):
        twice = next(path for path in files if by_stem[path.stem] != path)
        raise InputError(
            f"{twice.name} and {by_stem[twice.stem].name} in {images} share a label file", hint="rename one"
        )
    for file in sorted(labels.glob("*.txt")):
        if file.stem not in by_stem and file.name != classes_file.FILE_NAME:
            raise InputError(
                f"{file} belongs to no image in {images}", hint="remove it, or add the image of this name"
            )
    found = tuple(_objects(labels / f"{path.stem}.txt", path, len(names)) for path in files)
    objects = Objects(found)
    return FileSource(images, tuple(path.name for path in files), objects.main_labels(), names, objects)


def _names(*places: Path) -> tuple[str, ...]:
    """Read the names of the classes; LabelImg writes them among the labels."""
    found = {place: classes_file.read_classes(place) for place in places if is_file(place)}
    if not found:
        known = ", such as the names in data.yaml" if is_file(places[0].with_name("data.yaml")) else ""
        hint = f"write the names of the classes into it, one a line, in their order{known}"
        raise InputError(f"there is no {places[0]}", hint=hint)
    if len(set(found.values())) > 1:
        raise InputError(f"{' and '.join(map(str, found))} name other classes", hint="remove one of them")
    return next(iter(found.values()))


def _objects(file: Path, image: Path, classes: int) -> ImageObjects:
    size = size_of_file(image)
    rows = []
    for number, line in enumerate(_lines(file), 1):
        if line.strip():
            label, center_x, center_y, width, height = _row(line, f"{file}:{number}", classes)
            left, top = center_x - width / 2, center_y - height / 2
            x, y = size[1], size[0]
            rows.append((left * x, top * y, (left + width) * x, (top + height) * y, label, False))
    return ImageObjects.of(size, rows)


def _lines(file: Path) -> list[str]:
    with hinting(_FORM):
        return read_bounded_text(file, MAX_BYTES).splitlines() if exists(file) else []


def _hint(cells: list[str]) -> str:
    """Return what to write instead of a line that is no object."""
    if len(cells) == _VALUES + 1:
        return f"remove the sixth value, a confidence; {_FORM}"
    if len(cells) > _VALUES and len(cells) % 2:
        return f"this may be a polygon: write the box around it; {_FORM}"
    return _FORM


def _row(line: str, where: str, classes: int) -> tuple[int, float, float, float, float]:
    cells = line.split()
    refused = InputError(f"{where}: {line.strip()[:60]!r} is not an object", hint=_hint(cells))
    try:
        label, (x, y, width, height) = whole_number(cells[0]), map(real_number, cells[1:])
    except ValueError:
        raise refused from None
    if not 0 <= label < classes:
        raise InputError(
            f"{where}: class {cells[0][:20]} is out of range, it must be 0..{classes - 1}",
            hint=f"classes count from 0, as in {classes_file.FILE_NAME}: add it there, or correct the line",
        )
    if not all(math.isfinite(value) and abs(value) <= 2.0 for value in (x, y, width, height)):
        raise InputError(f"{where}: the box is not given in shares of the image's size", hint=_FORM)
    return label, x, y, width, height
