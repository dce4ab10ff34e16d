"""Labelled boxes of a set of images, for the training and evaluation of detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.core.array_file import read_arrays
from edgecnn.core.errors import InputError
from edgecnn.data.labels import UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE_NAME = "objects.npz"

AGAIN = "remove the folder; edgecnn makes it again from the dataset"
"""Hint for a damaged prepared set."""

_COLUMNS = {
    "sizes": np.dtype(np.int64),
    "counts": np.dtype(np.int64),
    "boxes": np.dtype(np.float32),
    "labels": np.dtype(np.int64),
    "ignored": np.dtype(np.bool_),
}
"""Arrays of a file and their types."""

_TOLERANCE = 2.0
"""Pixels by which a box may exceed its image: annotation tools count pixels from 0, from 1, or round."""


@dataclass(frozen=True)
class ImageObjects:
    """The boxes of one image.

    Attributes:
        size: Height and width of the upright image in pixels; (0, 0) if unknown.
        boxes: float32 ``[n, 4]``, corners ``x1, y1, x2, y2`` in pixels of the image.
        labels: int64 ``[n]``.
        ignored: bool ``[n]``: a crowd or a difficult object, which counts neither as found nor as missed.
    """

    size: tuple[int, int]
    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.bool_]

    @staticmethod
    def of(
        size: tuple[int, int], rows: Iterable[tuple[float, float, float, float, int, bool]]
    ) -> ImageObjects:
        """Create the boxes of an image from rows of four corners, a label and whether it is ignored.

        A row that repeats another one is left out: the second object could never be found.
        """
        columns = list(zip(*dict.fromkeys(rows), strict=True)) or [()] * 6
        with np.errstate(over="ignore"):  # a corner beyond float32 becomes infinite, which `problem` reports
            boxes = np.array(columns[:4], np.float32).T.reshape(-1, 4)
        return ImageObjects(size, boxes, np.array(columns[4], np.int64), np.array(columns[5], np.bool_))

    def __len__(self) -> int:
        return len(self.labels)

    def problem(self, size: tuple[int, int]) -> str | None:
        """Return a description of what is wrong with the boxes of an image of this (height, width), or None.

        >>> car = ImageObjects.of((480, 640), [(600, 10, 700, 90, 0, False)])
        >>> car.problem((480, 640))
        'box 1 (600, 10, 700, 90) leaves the image of 640x480 pixels'
        >>> car.problem((640, 480))
        'it has 480x640 pixels, but its annotation says 640x480'
        """
        height, width = size
        if self.size != size:
            return f"it has {width}x{height} pixels, but its annotation says {self.size[1]}x{self.size[0]}"
        x1, y1, x2, y2 = self.boxes.T
        finite = np.isfinite(self.boxes).all(axis=1)
        empty = ~((x2 > x1) & (y2 > y1))
        outside = (np.minimum(x1, y1) < -_TOLERANCE) | (x2 > width + _TOLERANCE) | (y2 > height + _TOLERANCE)
        for flags, what in (
            (~finite, "has a corner that is not a finite number"),
            (empty, "has no area"),
            (outside, f"leaves the image of {width}x{height} pixels"),
        ):
            if flags.any():
                number = int(flags.argmax())
                corners = ", ".join(f"{value:g}" for value in self.boxes[number])
                return f"box {number + 1} ({corners}) {what}"
        return None

    def clipped(self) -> ImageObjects:
        """Return the same boxes, cut at the borders of the image."""
        height, width = self.size
        limit = np.array([width, height, width, height], np.float32)
        return ImageObjects(self.size, np.clip(self.boxes, 0, limit), self.labels, self.ignored)


@dataclass(frozen=True)
class Objects:
    """The boxes of all images of a set, in the order of the images.

    Attributes:
        images: One entry an image.
    """

    images: tuple[ImageObjects, ...]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> ImageObjects:
        return self.images[index]

    def __iter__(self) -> Iterator[ImageObjects]:
        return iter(self.images)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Return height and width of every image in pixels."""
        return [image.size for image in self.images]

    def select(self, indices: Iterable[int]) -> Objects:
        """Return the boxes of some of the images."""
        return Objects(tuple(self.images[int(index)] for index in indices))

    def main_labels(self) -> npt.NDArray[np.int64]:
        """Return the class of each image's largest object, int64 ``[N]``; -1 for an image without objects.

        It is used to choose images evenly over the classes.
        """
        labels = np.full(len(self), UNLABELLED, np.int64)
        for index, image in enumerate(self.images):
            if len(image):
                x1, y1, x2, y2 = image.boxes.T
                with np.errstate(over="ignore", invalid="ignore"):
                    labels[index] = image.labels[((x2 - x1) * (y2 - y1)).argmax()]
        return labels

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield one row of plain values an image, for digests."""
        for image in self.images:
            yield (*image.size, image.boxes.tolist(), image.labels.tolist(), image.ignored.tolist())

    def save(self, path: Path) -> None:
        """Write the boxes as one ``.npz`` file of plain arrays.

        Raises:
            OSError: The file cannot be written.
        """
        np.savez(
            path,
            sizes=np.array(self.sizes, np.int64).reshape(-1, 2),
            counts=np.array([len(image) for image in self.images], np.int64),
            boxes=np.concatenate([np.empty((0, 4), np.float32), *(image.boxes for image in self.images)]),
            labels=np.concatenate([np.empty(0, np.int64), *(image.labels for image in self.images)]),
            ignored=np.concatenate([np.empty(0, np.bool_), *(image.ignored for image in self.images)]),
        )

    @staticmethod
    def load(path: Path) -> Objects:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: There is no such file, it is damaged, or not such a file.
        """
        arrays = read_arrays(path)
        if {name: array.dtype for name, array in arrays.items()} != _COLUMNS:
            raise InputError(f"{path.name} does not hold the boxes of images", hint=AGAIN)
        sizes, counts = arrays["sizes"], arrays["counts"]
        columns = [arrays[name] for name in ("boxes", "labels", "ignored")]
        total = sum(counts.tolist())
        if (
            counts.ndim != 1
            or min(counts.tolist(), default=0) < 0
            or sizes.shape != (len(counts), 2)
            or [column.shape for column in columns] != [(total, 4), (total,), (total,)]
        ):
            raise InputError(f"{path.name} holds arrays of different lengths", hint=AGAIN)
        ends = np.cumsum(counts)
        return Objects(
            tuple(
                ImageObjects((int(size[0]), int(size[1])), *(column[end - count : end] for column in columns))
                for size, count, end in zip(sizes, counts, ends, strict=True)
            )
        )
