"""Single flipped bits in the files of a store, an artifact and a checkpoint are noticed."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.store import entry as entry_module
from edgecnn.core.store.manifest import Artifact
from edgecnn.core.store.sums import check_sums
from tests.campaigns.report import Recorder, main
from tests.campaigns.small_store import STEPS, Places, is_right, key_of, make

NAME = "bit flips"


def bit_flips(recorder: Recorder, count: int, seed: int) -> None:
    """Flip one bit of one file at a time, and read what it belongs to."""
    chosen = random.Random(seed)  # noqa: S311 - chooses attempts
    with tempfile.TemporaryDirectory() as folder:
        places = Places.make(Path(folder))
        roots = (places.store.root / "stages", places.artifact, places.checkpoint)
        files = [path for root in roots for path in sorted(root.rglob("*")) if path.is_file()]
        for number in range(count):
            file = chosen.choice(files)
            whole, status = file.read_bytes(), file.stat()
            place, bit = chosen.randrange(len(whole)), chosen.randrange(8)
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            with recorder.attempt(f"flip {number} of seed {seed}: bit {bit} of byte {place} in {file.name}"):
                file.write_bytes(damaged)
                os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
                recorder.count(_look(places, file))
            file.write_bytes(whole)


def _look(places: Places, file: Path) -> str:
    """Read what a damaged file belongs to as a new process would; raise if the damage is believed."""
    entry_module._read.clear()
    if places.store.root in file.parents:
        for step in range(STEPS):
            found = places.store.get(key_of(step))
            if found is None:
                assert is_right(make(places.store, step), step), "what was made again is wrong"
                return "made again"
            assert is_right(found, step), "a damaged step was believed"
        return "without effect"
    try:
        if places.artifact in file.parents:
            Artifact.open(places.artifact)
        else:
            check_sums(places.checkpoint)
    except InputError:
        return "refused"
    assert file.suffix == ".json", f"{file.name} was believed"
    return "without effect"


@pytest.mark.slow
def test_no_flipped_bit_is_believed() -> None:
    recorder = Recorder(NAME)
    bit_flips(recorder, 60, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    main(NAME, bit_flips, count=500)
