"""A source of image files in one folder."""

from __future__ import annotations

import contextlib
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.data.digest import combine
from edgecnn.ondevice.preprocess import open_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from edgecnn.core.store.digest_cache import DigestCache
    from edgecnn.data.objects import Objects

_SHOWN = 200
_LONGEST = 400
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, eq=False)
class FileSource:
    """Image files with their labels; a :class:`edgecnn.data.base.ImageSource`.

    Raises:
        InputError: A file's name is not UTF-8, or a class has a line break or another control character in
            its name.

    Attributes:
        folder: Folder that the file names are relative to.
        files: File names, with ``/``, never leading out of ``folder``.
        labels: int64 ``[N]``; -1 for an unlabelled image.
        classes: Class names in the order of the labels; empty if unknown.
        objects: The boxes of each image; None if the images have only labels.
    """

    folder: Path
    files: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    objects: Objects | None = None

    def __post_init__(self) -> None:
        for name in self.files:
            if _SURROGATE.search(name):
                raise InputError(
                    f"{self.folder} holds a file whose name is not UTF-8: {name!a}"[:_LONGEST],
                    hint="rename it",
                )
        for name in self.classes:
            if _CONTROL.search(name):
                raise InputError(
                    f"the name of a class in {self.folder} has a control character: {name!a}"[:_LONGEST],
                    hint="a class is named by plain text of one line",
                )

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        """Return the file's name relative to the folder."""
        return self.files[index]

    def load(self, index: int) -> Image.Image:
        """Decode the file."""
        return open_image(self.folder / self.files[index])

    def digest(self, cache: DigestCache) -> str:
        """Hash classes, names, labels and every file."""
        rows = (
            (name, int(label), cache.sha256(self.folder / name))
            for name, label in zip(self.files, self.labels, strict=True)
        )
        if self.objects is None:
            return combine(["files", list(self.classes)], rows)
        return combine(["boxes", list(self.classes)], [*rows, *self.objects.rows()])


def path_within(folder: Path, text: str, where: str) -> str:
    """Return the path of an image from a file of annotations, relative to ``folder``.

    Args:
        folder: Folder that the path is relative to and may not lead out of, because annotations may come from
            an untrusted source.
        text: The path in the annotations.
        where: Start of messages, such as ``FILE:LINE``.

    Raises:
        InputError: The path is empty, leads out of the folder, or does not exist.
    """
    path = posixpath.normpath(text) if text else ""
    if not path or "\0" in path:
        raise InputError(f"{where}: empty path", hint=f"write the path of the image, relative to {folder}")
    if path == ".." or path.startswith(("/", "../")):
        raise InputError(f"{where}: {text[:_SHOWN]!r} leads out of the folder", hint=_similar(folder, path))
    if not is_file(folder / path):
        raise InputError(f"{where}: image {text[:_SHOWN]!r} does not exist", hint=_similar(folder, path))
    return path


def _similar(folder: Path, path: str) -> str:
    """Return the hint for an image that is missing: a file with another ending or folder."""
    slashes = posixpath.normpath(path.replace("\\", "/"))
    for known in (slashes, slashes.removeprefix(f"{folder.as_posix()}/"), posixpath.basename(slashes)):
        if known != path and not known.startswith(("/", "../")) and is_file(folder / known):
            return f"paths are relative to {folder}, with /: write {known[:_SHOWN]}"
    wanted = folder / path
    with contextlib.suppress(OSError, ValueError):
        for file in sorted(wanted.parent.iterdir()):
            if file.stem.lower() == wanted.stem.lower():
                return f"there is {file.name[:_SHOWN]}: write the name with this ending"
    return f"paths are relative to {folder}"
