"""A fixed fifth of a dataset, held out for evaluation: ``PATH@train`` and ``PATH@held-out``."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Literal

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from edgecnn.data.files import FileSource

Part = Literal["train", "held-out"]
PARTS: tuple[Part, ...] = ("train", "held-out")
_FIFTH = 5


def take_part(source: FileSource, part: Part) -> FileSource:
    """Keep the images of one part.

    An image's part depends on its name alone, so it does not change when images are added or removed.

    Raises:
        InputError: The part is empty.
    """
    wanted = [index for index, name in enumerate(source.files) if is_held_out(name) == (part == "held-out")]
    if not wanted:
        raise InputError(
            f"{source.folder}: of {len(source)} images none is in the part {part!r}",
            hint=f"add images, or name the whole dataset, without @{part}",
        )
    return dataclasses.replace(
        source,
        files=tuple(source.files[index] for index in wanted),
        labels=source.labels[wanted],
        objects=None if source.objects is None else source.objects.select(wanted),
    )


def is_held_out(name: str) -> bool:
    """Return whether the image of this name is held out: one in five, by a hash of the name.

    >>> sum(is_held_out(f"{number}.jpg") for number in range(1000))
    197
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % _FIFTH == 0
