"""What every source of images can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from edgecnn.data.digest import DigestCache
    from edgecnn.data.objects import Objects


class ImageSource(Protocol):
    """Images with labels, not yet decoded; random access by index ``0 .. len(source) - 1``."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the labels; empty where the source has none."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64 ``[N]``; :data:`edgecnn.data.labels.UNLABELLED` where an image has no label."""

    @property
    def objects(self) -> Objects | None:
        """The boxes of each image, in the order of the images; None where there are only labels."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return what messages call the image; the same on every machine."""

    def load(self, index: int) -> Image.Image:
        """Decode the image; called from several threads.

        Raises:
            ImageError: It is corrupt, too large or gone.
        """

    def digest(self, cache: DigestCache) -> str:
        """Return a hash of classes, names, labels and the content of every image.

        It does not depend on where the source lies, so that two machines agree on it.
        """
