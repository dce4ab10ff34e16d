"""The size of an image file, for annotations that do not contain it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from edgecnn.ondevice.preprocess import FORMATS, upright_size

if TYPE_CHECKING:
    from pathlib import Path

MOST_SIDE = 1 << 24
"""Largest side of an image that an annotation may state, in pixels; no format that is read allows more."""


def size_of_file(path: Path) -> tuple[int, int]:
    """Read height and width of an upright image from the head of its file.

    The size of a file that is not an image is (0, 0); its preparation reports the error.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return upright_size(image)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return (0, 0)
