"""The interface of a source of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from edgecnn.core.store.digest_cache import DigestCache
    from edgecnn.data.objects import Objects


class ImageSource(Protocol):
    """Images with labels, not yet decoded; random access by index ``0 .. len(source) - 1``."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names in the order of the labels; empty if the source has none."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Return the labels, int64 ``[N]``, with :data:`edgecnn.data.labels.UNLABELLED` where missing."""

    @property
    def objects(self) -> Objects | None:
        """Return the boxes of each image, in the order of the images; None if there are only labels."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return the image's name in messages, which is the same on every machine."""

    def load(self, index: int) -> Image.Image:
        """Decode the image; called from several threads.

        Raises:
            ImageError: The image is corrupt, too large or no longer there.
        """

    def digest(self, cache: DigestCache) -> str:
        """Return a hash of classes, names, labels and the content of every image.

        The hash does not depend on the source's location, so that two machines get the same one.
        """
