"""Pascal VOC: one XML file an image, in a folder beside the images."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.data import classes as classes_file
from edgecnn.data.files import FileSource, path_within
from edgecnn.data.numbers import real_number, whole_number
from edgecnn.data.objects import ImageObjects, Objects
from edgecnn.data.sizes import MOST_SIDE, size_of_file
from edgecnn.data.xml_tree import Element, read_xml

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 20
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def open_voc(annotations: Path, images: Path) -> FileSource:
    """Read a folder of Pascal VOC annotations.

    The classes are the lines of a ``classes.txt`` beside the two folders, or else the names that occur, in
    the order of their code points. Objects marked ``difficult`` count neither as found nor as missed. An
    annotation without objects describes an image without objects.

    Args:
        annotations: Folder of ``.xml`` files.
        images: Folder that their ``filename`` is relative to.

    Raises:
        InputError: There is no annotation, one of them is damaged, names a missing image or one that another
            annotation names, or has an unknown class.
    """
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise InputError(
            f"{annotations} holds no .xml annotation", hint="each image needs one, with the ending .xml"
        )
    declared = annotations.parent / classes_file.FILE_NAME
    roots = {file: read_xml(file) for file in files}
    names = classes_file.read_classes(declared) if is_file(declared) else _names_in(roots)
    found: dict[str, ImageObjects] = {}
    for file, root in roots.items():
        path = _image(root, file, images)
        if path in found:
            raise InputError(f"{file}: another annotation also names {path}", hint="remove one of the two")
        found[path] = _objects(root, file, images / path, classes_file.class_indices(names))
    objects = Objects(tuple(found.values()))
    return FileSource(images, tuple(found), objects.main_labels(), names, objects)


def _image(root: Element, file: Path, images: Path) -> str:
    """Return the path of an annotation's image."""
    try:
        return path_within(images, root.value("filename"), str(file))
    except InputError as error:
        same = next(
            (path for path in images.glob(f"{glob.escape(file.stem)}.*") if path.suffix != file.suffix), None
        )
        if same is not None:
            error.hint = f"if its image is {same.name}, write <filename>{same.name}</filename>"
        raise


def _names_in(roots: dict[Path, Element]) -> tuple[str, ...]:
    every = {child.value("name") for root in roots.values() for child in _things(root)} - {""}
    names = sorted(every)
    spelt: dict[str, str] = {}
    for name in names:
        other = spelt.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"the classes {other[:_SHOWN]!r} and {name[:_SHOWN]!r} differ only in upper and lower case",
                hint=f"write one of them everywhere, or both into a {classes_file.FILE_NAME} if they are two",
            )
    return tuple(names)


def _things(root: Element) -> list[Element]:
    return [child for child in root.children if child.name == "object"]


def _objects(root: Element, file: Path, image: Path, labels: dict[str, int | None]) -> ImageObjects:
    try:
        size = _side(root.value("size/height")), _side(root.value("size/width"))
    except ValueError as error:
        raise InputError(
            f"{file}: the size of the image is not in whole numbers: {error}",
            hint="write width and height in pixels into size, or remove size",
        ) from None
    rows = []
    for number, thing in enumerate(_things(root), 1):
        name, where = thing.value("name"), f"{file}: object {number}"
        label = labels.get(name)
        if label is None:
            known = ", ".join(list(labels)[:_SHOWN]) or "none"
            raise InputError(
                f"{where}: {name[:_SHOWN]!r} is not one class of {known[: 10 * _SHOWN]}",
                hint=f"add it to {classes_file.FILE_NAME}, or correct the annotation"
                if name
                else "write the class of the object: <name>CLASS</name>",
            )
        try:
            x1, y1, x2, y2 = (real_number(thing.value(f"bndbox/{corner}")) for corner in _CORNERS)
        except ValueError:
            raise InputError(
                f"{where}: its bndbox does not hold the numbers {', '.join(_CORNERS)}",
                hint="each of them is a number of pixels",
            ) from None
        rows.append((x1, y1, x2, y2, label, thing.value("difficult") == "1"))
    return ImageObjects.of(size if all(size) else size_of_file(image), rows)


def _side(text: str) -> int:
    """Return a side in pixels, 0 if it is not given."""
    side = whole_number(text or "0")
    if not 0 <= side <= MOST_SIDE:
        raise ValueError(f"{side} is not between 0 and {MOST_SIDE}")
    return side
