import sys
from pathlib import Path

import pytest

from edgecnn.core.errors import WorkerError
from edgecnn.core.toolchains.program import run_program


def run(code: str, tmp_path: Path, timeout_s: float = 30.0) -> str:
    command = [sys.executable, "-c", code]
    return run_program(command, what="the tool", log=tmp_path / "log", timeout_s=timeout_s)


def test_what_it_prints_is_returned_and_logged(tmp_path: Path) -> None:
    run("print('before')", tmp_path)
    assert run("print('hello')", tmp_path) == "hello\n"
    assert (tmp_path / "log").read_text() == "before\nhello\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no such option')", "failed with exit code 1: no such option"),
        ("import sys; sys.exit(3)", "failed with exit code 3: it printed nothing"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed with SIGSEGV"),
        ("raise MemoryError", "ran out of memory"),
    ],
)
def test_how_it_died_is_said(code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=f"the tool {message}"):
        run(code, tmp_path)


def test_a_program_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"did not finish in 0\.5 s"):
        run("import time; time.sleep(60)", tmp_path, timeout_s=0.5)
