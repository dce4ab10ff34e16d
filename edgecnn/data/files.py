"""A source of image files below one folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.data.digest import combine
from edgecnn.ondevice.preprocess import open_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from edgecnn.data.digest import DigestCache


@dataclass(frozen=True, eq=False)
class FileSource:
    """Image files with their labels; a :class:`edgecnn.data.base.Source`.

    Attributes:
        folder: What the file names are relative to.
        files: File names, with ``/``, never leading out of ``folder``.
        labels: int64 ``[N]``; -1 where an image has no label.
        classes: Class names in the order of the labels; empty where unknown.
    """

    folder: Path
    files: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

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
        return combine(["files", list(self.classes)], rows)
