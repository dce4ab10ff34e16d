from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.worker.messages import OpenRequest
from edgecnn.backends.worker.runtime_code import RuntimeCode
from edgecnn.core.errors import InputError, MachineFault, UsageError, WorkerError
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.session import Session, open_request
from tests.support import tiny_models as tiny

HOSTILE = Path(__file__).parent / "hostile_worker.py"
HOSTILE_RUNTIME = RuntimeCode("hostile", "__main__:Hostile", "hostile", "nothing")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, tiny.images())
    return path


def start(tmp_path: Path, behaviour: str) -> tuple[Session, OpenRequest]:
    model = tmp_path / "hostile.model"
    model.write_text(behaviour)
    session = LocalDevice().start(
        [sys.executable, str(HOSTILE)], log=tmp_path / "worker.log", what="the hostile runtime"
    )
    return session, OpenRequest(HOSTILE_RUNTIME, str(model))


def use(session: Session, request: OpenRequest, images: Path, out: Path, *, timeout_s: float = 60) -> None:
    session.open(request, timeout_s=timeout_s)
    session.evaluate(images, tiny.CONTRACT, out, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("segfault", "crashed with SIGSEGV"),
        ("killed", "SIGKILL"),
        ("greed", "ran out of memory"),
        ("raise", "failed with exit code 1: RuntimeError: the accelerator is on fire"),
    ],
)
@pytest.mark.parametrize("when", ["open", "run"])
def test_death_is_named(tmp_path: Path, images: Path, when: str, how: str, said: str) -> None:
    session, request = start(tmp_path, f"{when} {how}")
    with session, pytest.raises(WorkerError) as caught:
        use(session, request, images, tmp_path / "out")
    assert said in caught.value.message
    assert caught.value.message.startswith("the hostile runtime")
    assert str(tmp_path / "worker.log") in (caught.value.hint or "")


def test_crash_leaves_its_stack_in_the_log(tmp_path: Path) -> None:
    session, request = start(tmp_path, "open segfault")
    with session, pytest.raises(WorkerError):
        session.open(request)
    assert "string_at" in (tmp_path / "worker.log").read_text()


def test_earlier_worker_in_the_same_log_is_not_blamed(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("Cannot allocate memory\n")
    session, request = start(tmp_path, "open raise")
    with session, pytest.raises(WorkerError, match="on fire"):
        session.open(request)


@pytest.mark.parametrize("when", ["open", "run"])
def test_hang_is_ended(tmp_path: Path, images: Path, when: str) -> None:
    session, request = start(tmp_path, f"{when} hang")
    started = time.monotonic()
    with session, pytest.raises(WorkerError, match=r"hung: no answer to '(open|evaluate)' for 4 s"):
        use(session, request, images, tmp_path / "out", timeout_s=4)
    assert time.monotonic() - started < 60, "the hung worker was waited for"


def test_chatter_does_not_break_the_protocol(tmp_path: Path, images: Path) -> None:
    session, request = start(tmp_path, "run chatter")
    with session:
        session.open(request)
        done = session.evaluate(images, tiny.CONTRACT, tmp_path / "out", indices=[0, 1])
    assert done.outputs[0].shape == (2, 2)
    log = (tmp_path / "worker.log").read_bytes()
    assert b"garbage from C" in log
    assert b"from a child" in log


@pytest.mark.parametrize(
    "script",
    [
        "print('Hello from sitecustomize', flush=True)",
        "print('[1, 2]', flush=True)",
        "print('{}', flush=True)",
        "print('[' * 100000, flush=True)",
        """print('{"progress": "half"}', flush=True)""",
        """print('{"value": {"runtime": 1}}', flush=True)""",
    ],
)
def test_program_that_is_no_worker(tmp_path: Path, script: str) -> None:
    command = [sys.executable, "-c", f"{script}\nimport time; time.sleep(60)"]
    session = LocalDevice().start(command, log=tmp_path / "log", what="a program")
    with session, pytest.raises(WorkerError, match="did not speak the worker's protocol"):
        session.open(open_request("onnxruntime", "model.onnx", {}), timeout_s=30)


def test_program_that_floods_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys\nwhile True: sys.stdout.write('x' * 65536)"]
    session = LocalDevice().start(command, log=tmp_path / "log", what="a program")
    with session, pytest.raises(WorkerError, match="did not speak"):
        session.open(open_request("onnxruntime", "model.onnx", {}), timeout_s=60)


def test_program_that_ends_at_once(tmp_path: Path) -> None:
    session = LocalDevice().start([sys.executable, "-c", ""], log=tmp_path / "log", what="a program")
    with session, pytest.raises(WorkerError, match="a program"):
        session.open(open_request("onnxruntime", "model.onnx", {}))


def test_leaving_with_an_error_ends_a_busy_worker(tmp_path: Path) -> None:
    session, request = start(tmp_path, "run hang")
    with pytest.raises(KeyboardInterrupt), session:  # noqa: PT012 - leaving the block is what is tested
        session.open(request)
        raise KeyboardInterrupt
    assert session._channel._process.poll() is not None


def test_closing_ends_the_process_and_its_scratch(tmp_path: Path) -> None:
    session, request = start(tmp_path, "never nothing")
    scratch = Path(session._scratch.name)
    with session:
        session.open(request)
        assert scratch.is_dir()
    assert session._channel._process.returncode is not None
    assert not scratch.exists()


def test_session_without_a_model(tmp_path: Path) -> None:
    session, _ = start(tmp_path, "never nothing")
    with session:
        with pytest.raises(UsageError, match="no model open"):
            _ = session.description
        with pytest.raises(UsageError, match="no model is open"):
            session.time(1)


def test_unwritable_output_folder(tmp_path: Path, images: Path) -> None:
    session, request = start(tmp_path, "never nothing")
    (tmp_path / "file").touch()
    with session:
        session.open(request)
        with pytest.raises(InputError, match="cannot be written"):
            session.evaluate(images, tiny.CONTRACT, tmp_path / "file" / "out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk(tmp_path: Path, images: Path) -> None:
    session, request = start(tmp_path, "never nothing")
    out = tmp_path / "out"
    out.mkdir()
    (out / "outputs_0.npy").symlink_to("/dev/full")
    with session:
        session.open(request)
        with pytest.raises(MachineFault, match="the disk is full") as caught:
            session.evaluate(images, tiny.CONTRACT, out)
        assert "free space" in (caught.value.hint or "")
        assert len(session.time(3).wall_ns) == 3, "the worker did not survive a full disk"
