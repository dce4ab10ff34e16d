"""A folder of images: one sub-folder a class, or images alone without labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_dir, is_file
from edgecnn.data import classes as classes_file
from edgecnn.data.files import FileSource
from edgecnn.data.labels import UNLABELLED

if TYPE_CHECKING:
    from pathlib import Path

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


def open_image_folder(folder: Path) -> FileSource:
    """List the images of a folder.

    Each sub-folder is a class and may itself have sub-folders. The classes are the sub-folders' names in the
    order of their code points, or the lines of a ``classes.txt`` in the folder, which may name more classes
    than there are sub-folders. Without sub-folders the images have no labels, which is enough for
    calibration. Hidden files and files without an image suffix are left out.

    Raises:
        InputError: There is no image, a class has none, ``classes.txt`` does not name a sub-folder, or there
            are
            images beside the sub-folders.
    """
    try:
        entries = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read: {error.strerror}", hint="give yourself the permission to list it"
        ) from error
    names = [name for name in entries if is_dir(folder / name)]
    loose = [name for name in entries if _is_image(name) and is_file(folder / name)]
    if not names:
        if not loose:
            raise InputError(f"{folder} holds no image", hint="put one sub-folder a class into it")
        return FileSource(folder, tuple(loose), np.full(len(loose), UNLABELLED, np.int64), ())
    if loose:
        raise InputError(
            f"{folder} holds both sub-folders and images, such as {loose[0]}",
            hint="either one sub-folder a class, or images alone",
        )
    return _labelled(folder, names)


def _labelled(folder: Path, names: list[str]) -> FileSource:
    declared = folder / classes_file.FILE_NAME
    classes = classes_file.read_classes(declared) if is_file(declared) else tuple(names)
    indices = classes_file.class_indices(classes)
    files: list[str] = []
    labels: list[int] = []
    for name in names:
        label = indices.get(name)
        if label is None:
            problem, hint = "not", "add its name as a line, or remove the folder"
            if name in indices:
                problem, hint = "twice", "two classes of one name need folders of other names: rename one"
            raise InputError(f"class {name!r} of {folder} is {problem} in {declared.name}", hint=hint)
        found = _images_below(folder, name)
        if not found:
            raise InputError(f"class {name!r} of {folder} holds no image", hint="remove the empty folder")
        files += found
        labels += [label] * len(found)
    return FileSource(folder, tuple(files), np.array(labels, np.int64), classes)


def _images_below(folder: Path, name: str) -> list[str]:
    """Return the images below a sub-folder, relative to ``folder``, in one order on every machine."""
    found = []
    for directory, _, files in os.walk(folder / name):
        prefix = os.path.relpath(directory, folder).replace(os.sep, "/")
        found += [f"{prefix}/{file}" for file in files if _is_image(file)]
    return sorted(found)


def _is_image(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)
