"""Steps of a store that are made in a moment, for campaigns that need no converter."""

from __future__ import annotations

import random

from edgecnn.core.documents.step_record import StepCost, StepRecord
from edgecnn.core.store.digest import digest_files, digest_json
from edgecnn.core.store.entry import Entry
from edgecnn.core.store.store import Store

STEPS = 6
LARGE = 100
"""Number of a step whose file is large enough that its digest is remembered."""


def key_of(number: int) -> str:
    """Return the key of a step."""
    return digest_json(number)


def content(number: int) -> dict[str, bytes]:
    """Return the files that a step makes, by relative path."""
    chosen = random.Random(number)  # noqa: S311 - the same bytes each time
    size = 5_000_000 if number == LARGE else 30_000
    return {"model.bin": chosen.randbytes(size), "deep/notes.json": b'{"number": %d}' % number}


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
