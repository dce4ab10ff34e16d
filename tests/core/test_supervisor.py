"""Tests of the supervisor as a process; ``test_child.py`` tests what its parent makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgecnn.core import supervisor

TIMEOUT_S = 20.0


@contextmanager
def supervised(*command: str, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a program under a supervisor; yield the supervisor and the descriptor that keeps it alive."""
    watched, life = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", supervisor.__file__, str(watched), *command],
        pass_fds=(watched,),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **variables},
    ) as process:
        os.close(watched)
        try:
            yield process, life
        finally:
            process.kill()
            os.close(life)


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -TERM $$", -15), ("kill -KILL $$", -9)])
def test_it_ends_as_the_program_did(script: str, code: int) -> None:
    with supervised("sh", "-c", script) as (process, _):
        assert process.wait(TIMEOUT_S) == code


def test_the_program_has_the_variables_that_it_was_given_and_no_others() -> None:
    with supervised("env", ONLY="this") as (process, _):
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert {line.partition("=")[0] for line in out.decode().splitlines()} == {"PATH", "ONLY"}


def test_a_program_that_cannot_be_executed_is_named() -> None:
    with supervised("/no/such/program") as (process, _):
        _, error = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 127
    assert error == b"/no/such/program cannot be executed: No such file or directory\n"


@pytest.mark.parametrize("how", ["closed", "asked"])
def test_the_program_is_killed_when_its_parent_lets_go_or_asks(how: str) -> None:
    with supervised("sh", "-c", "echo ready; sleep 600") as (process, life):
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if how == "closed":
            with Path(os.devnull).open("rb") as nothing:
                os.dup2(nothing.fileno(), life)  # the only writing end is gone
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == -signal.SIGKILL
        assert process.stdout.read() == b"", "what held the output open is gone too"
