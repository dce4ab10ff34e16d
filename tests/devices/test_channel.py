"""Tests of the exchange with a child process, which is a line of shell here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgecnn.backends.worker.messages import Arrays, Nothing
from edgecnn.core.child import Child
from edgecnn.core.errors import UsageError, WorkerError
from edgecnn.devices.channel import Channel

VALUE = json.dumps({"value": {"files": ["a.npy"]}})


@contextmanager
def channel(script: str, log: Path) -> Iterator[Channel]:
    """Yield a channel to a shell script, which can read the question."""
    log.touch()
    with Child(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        opened = Channel(process, log=log, log_start=0, what="the script")
        try:
            yield opened
        finally:
            opened.kill()


def test_a_question_is_one_line_and_its_answer_a_document(tmp_path: Path) -> None:
    script = f"read line; echo \"$line\" > {tmp_path / 'asked'}; echo '{VALUE}'"
    with channel(script, tmp_path / "log") as opened:
        assert opened.ask("run", Nothing(), Arrays, timeout_s=20) == Arrays(("a.npy",))
    assert json.loads((tmp_path / "asked").read_text()) == {"command": "run", "request": {}}


def test_progress_comes_before_the_answer(tmp_path: Path) -> None:
    lines = "".join(f"echo '{json.dumps({'progress': [done, 2]})}';" for done in (1, 2))
    told: list[tuple[int, int]] = []
    with channel(f"read line; {lines} echo '{VALUE}'; read line", tmp_path / "log") as opened:
        reply = opened.ask("run", Nothing(), Arrays, timeout_s=20, progress=lambda *state: told.append(state))
    assert told == [(1, 2), (2, 2)]
    assert reply.files == ("a.npy",)


def test_an_error_of_the_worker_is_raised_here(tmp_path: Path) -> None:
    error = json.dumps({"error": UsageError("no such thing", hint="look").to_json()})
    with channel(f"read line; echo '{error}'; read line", tmp_path / "log") as opened:
        with pytest.raises(UsageError, match="no such thing") as caught:
            opened.ask("run", Nothing(), Arrays, timeout_s=20)
        assert caught.value.hint == "look"


@pytest.mark.parametrize(
    "line", ["hello", "{}", '{"value": {"files": 3}}', '{"value": {"other": 1}}', '{"progress": [1]}', ""]
)
def test_what_is_no_answer_is_shown(tmp_path: Path, line: str) -> None:
    with (
        channel(f"read line; echo '{line}'; read line", tmp_path / "log") as opened,
        pytest.raises(WorkerError, match="the script did not speak the worker's protocol"),
    ):
        opened.ask("run", Nothing(), Arrays, timeout_s=20)


def test_silence_has_an_end(tmp_path: Path) -> None:
    with (
        channel("read line; sleep 600", tmp_path / "log") as opened,
        pytest.raises(WorkerError, match=r"hung: no answer to 'run' for 0\.1 s") as caught,
    ):
        opened.ask("run", Nothing(), Arrays, timeout_s=0.1)
    assert str(tmp_path / "log") in (caught.value.hint or "")


def test_half_an_answer_is_the_end_of_the_worker(tmp_path: Path) -> None:
    with (
        channel("read line; printf '{'; exit 3", tmp_path / "log") as opened,
        pytest.raises(WorkerError, match="exit code 3"),
    ):
        opened.ask("run", Nothing(), Arrays, timeout_s=20)


def test_a_process_without_pipes_is_refused(tmp_path: Path) -> None:
    with Child(["true"]) as process, pytest.raises(ValueError, match="needs pipes"):
        Channel(process, log=tmp_path / "log", log_start=0, what="it")
