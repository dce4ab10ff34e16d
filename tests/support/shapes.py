"""Pictures of bars, discs and slopes, a folder a class: a tiny network can tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from tests.conftest import picture

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("bars", "disc", "slope")


def write_shapes(folder: Path, count: int) -> Path:
    """Write ``count`` pictures of 48x48 pixels, evenly over the classes, and return the folder."""
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(count // len(CLASSES)):
            Image.fromarray(picture(label, number, 48, 48)).save(folder / name / f"{number:02}.png")
    return folder
