"""Verbs on a disk that fills up: one line, an exit code, the old output whole; with space it works again.

The disk fills up while a verb runs, at any moment: a run that finds too little room does not begin.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.report import Recorder, main
from tests.campaigns.subject import Subject
from tests.campaigns.verbs_to_kill import Bench, Verb

NAME = "full disk"
_BYTES = 512 << 20
_BLOCK = bytes(1 << 16)


def full_disk(recorder: Recorder, count: int, seed: int) -> None:
    """Let verbs run on a disk with little room."""
    with small_disk() as disk:
        bench = Bench(disk / "bench")
        made = bench.run()
        subjects = [Subject(verb, None) for verb in (made, *_cheap_verbs(bench))]
        subjects[0].prepare()
        again = [bench.run_again(made), bench.export(made, again=True)]
        subjects += [Subject(verb, None) for verb in again]
        _fill_and_run(recorder, disk, subjects, count, seed)


def _cheap_verbs(bench: Bench) -> list[Verb]:
    return [bench.package("raspberry-pi", "onnx-fp32", 1), bench.baseline()]


def _fill_and_run(recorder: Recorder, disk: Path, subjects: list[Subject], count: int, seed: int) -> None:
    """Leave little room, run a verb, make room, and run it again."""
    chosen = random.Random(seed)  # noqa: S311 - chooses attempts
    for number in range(count):
        subject = subjects[number % len(subjects)]
        if not subject.whole:
            subject.prepare()
        subject.start()
        room = chosen.choice((0, chosen.randrange(64 << 10), chosen.randrange(1 << 20)))
        with recorder.attempt(f"attempt {number} of seed {seed}: {subject.verb.name} with {room} bytes left"):
            with _ballast(disk, room, chosen.uniform(0.0, subject.seconds)):
                ended = subject.run(subject.version, None)
                assert ended.code in (0, 2), f"exit code {ended.code}: {ended.said[-400:]}"
                assert not ended.traceback, f"a traceback: {ended.traceback}"
                recorder.count("enough room" if ended.code == 0 else "refused")
                subject.look()
            subject.finish()
        subject.version = (subject.version + 1) % len(subject.whole)


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """Yield the folder of a small file system in memory.

    Raises:
        PermissionError: Only root can mount one.
    """
    with tempfile.TemporaryDirectory(prefix="edgecnn-disk-") as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "edgecnn", folder]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            raise PermissionError("a small disk can be mounted by root only")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def _ballast(disk: Path, room: int, delay: float) -> Iterator[None]:
    """Fill a disk up to some bytes, some seconds after the block began."""
    file, ended = disk / "ballast", threading.Event()

    def fill() -> None:
        if ended.wait(delay):
            return
        with contextlib.suppress(OSError), file.open("wb", buffering=0) as sink:
            while sink.write(_BLOCK) == len(_BLOCK):
                pass
        os.truncate(file, max(0, file.stat().st_size - room))

    filling = threading.Thread(target=fill)
    filling.start()
    try:
        yield
    finally:
        ended.set()
        filling.join()
        file.unlink(missing_ok=True)


@pytest.mark.slow
def test_a_full_disk_loses_nothing() -> None:
    recorder = Recorder(NAME)
    try:
        with small_disk() as disk:
            bench = Bench(disk / "bench")
            _fill_and_run(recorder, disk, [Subject(verb, None) for verb in _cheap_verbs(bench)], 8, seed=0)
    except PermissionError as error:
        pytest.skip(str(error))
    recorder.result().check()


if __name__ == "__main__":
    main(NAME, full_disk, count=100)
