"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, MIT): 60,000 + 10,000 pictures of clothes, 28x28 gray."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.data.digest import combine
from edgecnn.data.fashion_mnist_fetch import CACHE_NAME, FILES, SYSTEM_FOLDER, fetch, locate
from edgecnn.data.idx import read_idx

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.store.digest_cache import DigestCache
    from edgecnn.data.objects import Objects

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, eq=False)
class FashionMnist:
    """One split in memory; a :class:`edgecnn.data.base.ImageSource`.

    Attributes:
        split: ``train`` or ``test``.
        images: uint8 ``[N, H, W]``.
        labels: int64 ``[N]``.
        objects: None: clothes have no boxes.
    """

    split: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    objects: Objects | None = None

    @classmethod
    def read(cls, folder: Path, split: str) -> FashionMnist:
        """Read a split from the folder of the four IDX files.

        Raises:
            InputError: A file is missing, broken, empty, or disagrees with the other one.
        """
        images_file, labels_file = (folder / name for name in FILES if name.startswith(_PREFIX[split]))
        images, labels = read_idx(images_file), read_idx(labels_file)
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or not images.size:
            raise InputError(
                f"{images_file} holds {list(images.shape)} pixels for {list(labels.shape)} labels",
                hint="delete both and run: edgecnn fetch fashion-mnist",
            )
        if labels.max() >= len(CLASSES):
            raise InputError(
                f"{labels_file} holds label {labels.max()}, which is not 0..{len(CLASSES) - 1}",
                hint="delete it and run: edgecnn fetch fashion-mnist",
            )
        return cls(split, images, labels.astype(np.int64))

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the ten kinds of clothes."""
        return CLASSES

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        """Return ``fashion-mnist:SPLIT/INDEX``."""
        return f"fashion-mnist:{self.split}/{index:05d}"

    def load(self, index: int) -> Image.Image:
        """Return the picture, mode ``L``."""
        return Image.fromarray(self.images[index])

    def digest(self, cache: DigestCache) -> str:  # noqa: ARG002  its files are in memory already
        """Hash the pixels and the labels; two differently gzipped copies agree."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        parts = [(hashlib.sha256(array.data).hexdigest(),) for array in (self.images, self.labels)]
        return combine(["fashion-mnist", self.split, list(self.images.shape)], parts)


def check_split(split: str) -> None:
    """Refuse a split that Fashion-MNIST does not have.

    Raises:
        UsageError: It is neither ``train`` nor ``test``.
    """
    if split not in _PREFIX:
        hint = "fashion-mnist:train or fashion-mnist:test"
        raise UsageError(f"Fashion-MNIST has no split {split!r}", hint=hint)


def open_fashion_mnist(split: str, cache_dir: Path, *, allow_fetch: bool = False) -> FashionMnist:
    """Open a split from the system folder or the cache; download it only if allowed.

    Raises:
        UsageError: The split is neither ``train`` nor ``test``.
        InputError: The files are broken.
        MissingDependency: The files are missing, and may not or cannot be downloaded.
    """
    check_split(split)
    folder = locate(cache_dir)
    if folder is None:
        if not allow_fetch:
            raise MissingDependency(
                f"Fashion-MNIST is neither in {SYSTEM_FOLDER} nor in {cache_dir / CACHE_NAME}",
                hint="edgecnn fetch fashion-mnist",
            )
        folder = fetch(cache_dir)
    return FashionMnist.read(folder, split)
