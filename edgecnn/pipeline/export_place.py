"""The folder of an export that names none, and what was exported into it: another network is not replaced."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.files import exists, write_texts
from edgecnn.core.json_file import read_json

if TYPE_CHECKING:
    from collections.abc import Callable

OUT = Path("artifacts")
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Exported:
    """What is exported.

    Attributes:
        model: Reference of the network; a path is absolute.
        target: Name of the target, or absolute path of its file.
        weights: Absolute path of other weights; empty if there are none.
    """

    model: str
    target: str
    weights: str

    @classmethod
    def of(cls, model: str, target: str, weights: str | None) -> Exported:
        """Return what these references name, wherever the working directory is."""
        return cls(_absolute(model), _absolute(target), _absolute(weights or ""))

    def __str__(self) -> str:
        """Return the references in words."""
        return f"{self.model} for {self.target}" + (f" with {self.weights}" if self.weights else "")


def default_place(name: str, exported: Exported) -> tuple[Path, Callable[[], None]]:
    """Return the folder of an export, and the function that records what was exported into it.

    Args:
        name: Name of the folder, which networks of different folders may share.
        exported: What is exported.

    Raises:
        UsageError: The folder has the artifact of something else.
    """
    artifact = OUT / name
    record = OUT / f".{name}.from.json"
    if exists(artifact) and exists(record):
        before = _read(record)
        if before != exported:
            raise UsageError(
                f"{artifact} holds the export of {before or 'something else'}, not of {exported}",
                hint=f"choose another folder with --out, such as --out {artifact}-2, or remove {artifact}",
            )
    return artifact, lambda: write_texts(OUT, {record.name: json.dumps(asdict(exported), indent=1) + "\n"})


def _read(record: Path) -> Exported | None:
    try:
        return Exported(**read_json(record, what="the record of an export", most_bytes=_MOST_BYTES))
    except (InputError, TypeError):
        return None


def _absolute(reference: str) -> str:
    path = Path(reference)
    return str(path.resolve()) if reference and exists(path) else reference
