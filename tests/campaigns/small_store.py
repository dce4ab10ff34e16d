"""A store, an artifact and a checkpoint that are made in a moment, for campaigns that need no converter."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.documents.step_record import StepCost, StepRecord
from edgecnn.core.store.digest import digest_files, digest_json
from edgecnn.core.store.entry import Entry
from edgecnn.core.store.store import Store
from edgecnn.core.store.sums import write_sums
from tests.support.tiny_run import write_artifact

STEPS = 6


def key_of(number: int) -> str:
    """Return the key of a step."""
    return digest_json(number)


def content(number: int) -> dict[str, bytes]:
    """Return the files that a step makes, by relative path."""
    chosen = random.Random(number)  # noqa: S311 - the same bytes each time
    return {"model.bin": chosen.randbytes(30_000), "deep/notes.json": b'{"number": %d}' % number}


def make(store: Store, number: int) -> Entry:
    """Return a step's entry, which is made if it is not there."""
    key = key_of(number)
    with store.lock(key, lambda: None):
        found = store.get(key)
        if found is not None:
            return found
        draft = store.draft(key)
        for name, data in content(number).items():
            (draft.outputs / name).parent.mkdir(exist_ok=True)
            (draft.outputs / name).write_bytes(data)
        record = StepRecord(
            step=f"step {number}", stage="test", costs={"x": StepCost(wall_s=0.5)}, notes={"loss": [0.5, 1.0]}
        )
        return store.commit(key, draft, record)


def is_right(entry: Entry, number: int) -> bool:
    """Return whether an entry holds exactly what its step makes."""
    return {name: (entry.outputs / name).read_bytes() for name in digest_files(entry.outputs)} == content(
        number
    )


@dataclass(frozen=True)
class Places:
    """The places that a campaign damages.

    Attributes:
        store: A filled store.
        artifact: Directory of an artifact.
        checkpoint: Directory with the digests of its files.
    """

    store: Store
    artifact: Path
    checkpoint: Path

    @classmethod
    def make(cls, folder: Path) -> Places:
        """Fill all places below a folder."""
        store = Store(folder / "store")
        for number in range(STEPS):
            make(store, number)
        write_artifact(folder / "artifact", "onnx-fp32")
        checkpoint = folder / "checkpoint"
        checkpoint.mkdir()
        for name, data in content(99).items():
            (checkpoint / Path(name).name).write_bytes(data)
        write_sums(checkpoint, digest_files(checkpoint))
        return cls(store, folder / "artifact", checkpoint)
