"""Single flipped bits in everything that is kept on a disk are noticed, or without effect."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest

from edgecnn.core.errors import EdgecnnError
from tests.campaigns.kept_files import Kept, MadeAgain, everything
from tests.campaigns.report import Recorder, main

NAME = "bit flips"
_HOME = "EDGECNN_HOME"


def bit_flips(recorder: Recorder, count: int, seed: int) -> None:
    """Flip bits in everything, packages of both platforms and a signed one included."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(_HOME, str(Path(folder) / "home"))
        kept = list(everything(Path(folder), platforms=("raspberry-pi", "android"), signed=True))
        _flip(recorder, kept, count, seed)


def _flip(recorder: Recorder, kept: list[Kept], count: int, seed: int) -> None:
    """Flip one bit of one file at a time, and read what the file belongs to."""
    chosen = random.Random(seed)  # noqa: S311 - chooses attempts
    for number in range(count):
        thing = kept[number % len(kept)]
        file = chosen.choice(thing.files)
        right = thing.read()
        whole, status = file.read_bytes(), file.stat()
        place, bit = chosen.randrange(len(whole)), chosen.randrange(8)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        what = f"flip {number} of seed {seed}: bit {bit} of byte {place} in {file.name} of the {thing.name}"
        with recorder.attempt(what):
            file.write_bytes(damaged)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
            recorder.count(f"{thing.name}: {_look(thing, right)}")
        file.write_bytes(whole)


def _look(thing: Kept, right: object) -> str:
    """Read what a damaged file belongs to; raise if anything but what is right is believed."""
    try:
        assert thing.read() == right, f"damage of the {thing.name} was believed"
    except MadeAgain:
        return "made again"
    except EdgecnnError:
        return "refused"
    return "without effect"


@pytest.mark.slow
def test_no_flipped_bit_is_believed(tmp_path: Path) -> None:
    recorder = Recorder(NAME)
    kept = list(everything(tmp_path, platforms=("raspberry-pi",), signed=False))
    _flip(recorder, kept, 100, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    main(NAME, bit_flips, count=500)
