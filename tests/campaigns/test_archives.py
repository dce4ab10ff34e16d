"""Hostile archives against ``edgecnn verify``: each in a process of its own, whose time and memory count."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.campaigns.report import Recorder, main
from tests.support.hostile_archives import makers

MOST_SECONDS = 2.0
MOST_BYTES = 300 << 20
SCALE = 6 << 30
"""Unpacked bytes of a bomb in the full form: what took 6 GB of memory before there were limits."""

_CHILD = """\
import json, sys, time
from pathlib import Path
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.packaging.contents import open_package
started = time.monotonic()
try:
    open_package(Path(sys.argv[1]), Path(sys.argv[2]))
    found = "accepted"
except EdgecnnError as error:
    found = str(error)
print(json.dumps([found, time.monotonic() - started, peak_memory_bytes()]))
"""


def archives(recorder: Recorder, count: int, seed: int, scale: int = SCALE) -> None:
    """Open ``count`` archives, in the order that ``seed`` chooses."""
    names = sorted(makers())
    random.Random(seed).shuffle(names)  # noqa: S311
    for number in range(count):
        name = names[number % len(names)]
        with tempfile.TemporaryDirectory() as folder:
            path, scratch = Path(folder) / name, Path(folder) / "scratch"
            scratch.mkdir()
            makers()[name](path, scale)
            with recorder.attempt(f"{name} of {scale} bytes"):
                _open(recorder, path, scratch)


def _open(recorder: Recorder, path: Path, scratch: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path), str(scratch)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr[-300:]
    found, seconds, peak = json.loads(finished.stdout)
    assert found != "accepted", "it was accepted"
    assert "\n" not in found, found
    assert seconds < MOST_SECONDS, f"{seconds:.1f} s until it was refused"
    assert peak < MOST_BYTES, f"{peak >> 20} MB until it was refused"
    recorder.count("refused")


@pytest.mark.slow
def test_hostile_archives_are_refused_in_little_time_and_memory() -> None:
    recorder = Recorder("archives")
    archives(recorder, 12, seed=0, scale=1 << 30)
    recorder.result().check()


if __name__ == "__main__":
    main("archives", archives, count=len(makers()))
