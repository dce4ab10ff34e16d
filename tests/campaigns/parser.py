"""A parser as the campaign sees it: a file, its reader, and how the file is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.campaigns.changes import other_bytes, other_json

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.campaigns.changes import Change


@dataclass(frozen=True)
class Parser:
    """A reader of files from outside.

    Attributes:
        seed: Content that it accepts.
        file: The file that it reads.
        read: Reads the file and looks at every part of what it says.
        share: Relative number of attempts.
        change: Changes the parts that the file's format has; None for JSON by its values, and for other
            formats by their bytes alone.
    """

    seed: bytes
    file: Path
    read: Callable[[], object]
    share: int = 4
    change: Change | None = None

    def changed(self, choose: random.Random) -> bytes:
        """Return the content of the file with some changes."""
        change = self.change or (other_json if self.file.suffix == ".json" else other_bytes)
        return (change if choose.random() < 0.7 else other_bytes)(self.seed, choose)
