"""Processes that fill a store together are killed at random moments: nothing is lost, wrong or left."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from edgecnn.core.child import Child, run
from edgecnn.core.store import entry as entry_module
from edgecnn.core.store.store import Store
from tests.campaigns.report import Recorder, main
from tests.campaigns.small_store import STEPS, is_right, key_of, make

NAME = "kills of writers of a store"
_MODULE = "tests.campaigns.test_store_kills"


def work(root: Path, start: int) -> None:
    """Make steps, each with a program of its own that would run on, and damage one at times."""
    store = Store(root)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    store.clear_abandoned()
    for number in itertools.count(start):
        found = make(store, number % STEPS)
        if number % 3 == 0:
            (found.outputs / "model.bin").write_bytes(b"damaged")
        if number % 7 == 0:
            run(["sh", "-c", f"sleep 0.05; : {root}"], timeout=10)


def store_kills(recorder: Recorder, count: int, seed: int) -> None:
    """Kill one to three processes at a time, and look at the store."""
    chosen = random.Random(seed)  # noqa: S311 - chooses attempts
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "store"
        for number in range(count):
            delay = chosen.uniform(0.0, 0.6)
            with recorder.attempt(f"kill {number} of seed {seed}, after {delay:.3f} s"):
                starts = [chosen.randrange(STEPS) for _ in range(chosen.choice((1, 1, 2, 3)))]
                command = [sys.executable, "-m", _MODULE, "worker", str(root)]
                children = [Child([*command, str(start)], stdout=subprocess.PIPE) for start in starts]
                assert all(child.stdout and child.stdout.readline() == b"up\n" for child in children)
                time.sleep(delay)
                for child in children:
                    child.kill()
                    child.communicate()
                    recorder.count("killed")
                _look(recorder, root)
                assert not _running(root), "a process outlived its parent"


def _look(recorder: Recorder, root: Path) -> None:
    store = Store(root)
    entry_module._read.clear()
    for step in range(STEPS):
        found = store.get(key_of(step))
        recorder.count("steps not there" if found is None else "steps there")
        assert found is None or is_right(found, step), "a wrong step was believed"
    assert is_right(make(store, 0), 0), "a step cannot be made again"


def _running(root: Path) -> list[str]:
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return [command for command in commands if str(root) in command]


@pytest.mark.slow
def test_no_kill_leaves_anything_wrong() -> None:
    recorder = Recorder(NAME)
    store_kills(recorder, 12, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        work(Path(sys.argv[2]), int(sys.argv[3]))
    main(NAME, store_kills, count=1000)
