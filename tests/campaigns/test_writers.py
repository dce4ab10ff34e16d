"""Two processes publish into one run's folder at once: what lies there is always of one of them, whole."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgecnn.core.store.runs import open_artifacts
from tests.campaigns.report import Recorder, main
from tests.campaigns.subject import Subject
from tests.campaigns.verbs_to_kill import Bench

NAME = "two writers of one run"


def two_writers(recorder: Recorder, count: int, seed: int) -> None:
    """Publish ``count`` times, always two runs of other settings side by side, and read meanwhile."""
    del seed  # nothing is drawn
    with tempfile.TemporaryDirectory(prefix="edgecnn-writers-") as folder:
        bench = Bench(Path(folder))
        made = bench.run()
        Subject(made, None).prepare()
        writer = Subject(bench.run_again(made), None)
        writer.prepare()
        for number in range(max(1, count // 2)):
            with recorder.attempt(f"pair {number}"):
                recorder.count("published", 2)
                recorder.count("read meanwhile", _write_together(writer, writer.verb.watched[0]))


def _write_together(writer: Subject, run: Path) -> int:
    """Run both versions at once; return how often the run was read meanwhile.

    Raises:
        AssertionError: A version failed, or what was published is not that of one of them.
        InputError: A reader found a mixture.
    """
    over, reads = threading.Event(), 0
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(writer.run, version, None) for version in (0, 1)]
        for one in both:
            one.add_done_callback(lambda _: over.set() if all(each.done() for each in both) else None)
        while not over.wait(0.02):
            open_artifacts(run)
            reads += 1
    for one in both:
        assert one.result().code == 0, one.result().said[-300:]
    open_artifacts(run)
    assert writer.verb.look() in writer.whole, "what was published is of no version, or of both"
    return reads


@pytest.mark.slow
def test_two_writers_never_mix() -> None:
    recorder = Recorder(NAME)
    two_writers(recorder, 6, 0)
    recorder.result().check()


if __name__ == "__main__":
    main(NAME, two_writers, count=50)
