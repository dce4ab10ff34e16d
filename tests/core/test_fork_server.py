"""Tests of the server's protocol on its socket; ``test_warm.py`` tests what the requester makes of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TIMEOUT_S = 60.0


@contextmanager
def serving(*modules: str) -> Iterator[socket.socket]:
    """Start a server that imports modules, and yield the socket of its requests."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgecnn.core.fork_server", str(theirs.fileno()), *modules],
            pass_fds=(theirs.fileno(),),
        )
    with process:
        try:
            with ours:
                ours.settimeout(TIMEOUT_S)
                yield ours
            assert process.wait(TIMEOUT_S) == 0, "it ends when its requester is gone"
        finally:
            process.kill()


def first_answer(control: socket.socket) -> dict[str, Any]:
    """Send a request whose streams are all empty, and return the first answer."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(TIMEOUT_S)
        nothing = os.open(os.devnull, os.O_RDWR)
        with theirs:
            socket.send_fds(control, [b"?"], [theirs.fileno(), *[nothing] * 4])
        os.close(nothing)
        with ours.makefile("rb") as lines:
            found: dict[str, Any] = json.loads(lines.readline())
    return found


def test_a_server_whose_imports_are_harmless_forks() -> None:
    with serving("json") as control:
        found = first_answer(control)
        assert found["refused"] == ""
        assert found["cpu_s"] > 0, "its imports are charged to the first request"
        assert first_answer(control)["cpu_s"] < found["cpu_s"]


def test_a_module_that_cannot_be_imported_is_named_and_nothing_is_forked() -> None:
    with serving("edgecnn.no_such_module") as control:
        assert (
            "edgecnn.no_such_module cannot be imported: ModuleNotFoundError"
            in first_answer(control)["refused"]
        )
