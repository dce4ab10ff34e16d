"""The process that has TensorFlow: its deaths and its silence are one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, WorkerError
from edgecnn.core.toolchains.environment import Environment
from edgecnn.models.tensorflow import client
from edgecnn.models.tensorflow.client import TensorFlow


@pytest.fixture
def without_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toolchain whose Python is a script; the path of the script."""
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    environment = Environment(Environment.of("tensorflow").toolchain, tmp_path)
    monkeypatch.setattr(client, "require", lambda _: environment)
    return program


def script(program: Path, text: str) -> None:
    program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n")
    program.chmod(0o755)


def test_the_death_of_the_process_is_described(without_tensorflow: Path) -> None:
    script(without_tensorflow, "sys.stdin.readline(); os.kill(os.getpid(), 11)")
    with TensorFlow() as process, pytest.raises(WorkerError, match=r"reading net\.h5 crashed with SIGSEGV"):
        process.open(Path("net.h5"), "h5", None)


def test_a_silent_process_is_stopped(without_tensorflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPEN_S", 0.5)
    script(without_tensorflow, "time.sleep(60)")
    with TensorFlow() as process, pytest.raises(WorkerError, match=r"did not finish in 0\.5 s"):
        process.open(Path("net.h5"), "h5", None)


def test_an_error_names_the_file_as_the_user_does(without_tensorflow: Path) -> None:
    line = (
        "import json; path = json.loads(sys.stdin.readline())['value']['path']\n"
        "error = {'error': 'InputError', 'message': path + ' is odd', 'hint': 'even it', 'exit_code': 2}\n"
        "print(json.dumps({'value': None, 'error': error}), flush=True); time.sleep(60)"
    )
    script(without_tensorflow, line)
    with TensorFlow() as process, pytest.raises(InputError, match=r"^nets/net\.h5 is odd$") as found:
        process.open(Path("nets/net.h5"), "h5", None)
    assert found.value.hint == "even it"
