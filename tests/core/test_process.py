from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgecnn.core.documents.arguments import arguments
from edgecnn.core.doing import say, tell_progress
from edgecnn.core.errors import BudgetMissed, MachineFault, WorkerError
from edgecnn.core.process import call, describe_death, log_tail
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.core.warm import warm_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[2]


def refuse() -> None:
    raise BudgetMissed("3 is over 2", hint="make it smaller")


def fill_the_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/data/model.onnx")


def chatter() -> None:
    print("not JSON")
    os.write(1, b"nor this\n")


@arguments
class Behaviour:
    how: str
    value: Any = None


@arguments
class Total:
    total: int


def speak_and_hang() -> None:
    """Say what begins, report half of the work, and never end."""
    say("measuring layer one")
    tell_progress(3, 6)
    say("measuring layer   two\nof six")
    time.sleep(600)


def hang(marker: str | None) -> None:
    if marker is not None:
        Path(marker).write_text(str(os.getpid()))
    time.sleep(600)


def count(request: Total, progress: Callable[[int, int], None]) -> str:
    """Run in the child: report progress and chatter between."""
    if request.total < 0:
        raise ValueError("nothing can be counted")
    for done in range(1, request.total + 1):
        progress(done, request.total)
        print(f"{done} {request.total} is for the log")
    return "counted"


def behave(request: Behaviour) -> Any:
    """Run in the child."""
    how, value = request.how, request.value
    behaviours: dict[str, Callable[[], Any]] = {
        "return": lambda: value,
        "segfault": lambda: ctypes.string_at(0) and None,
        "hang": lambda: hang(value),
        "speak": speak_and_hang,
        "greed": lambda: int(np.ones(1 << 36, np.uint8).sum()),
        "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "refuse": refuse,
        "full disk": fill_the_disk,
        "exit": lambda: os._exit(0),
        "chatter": chatter,
        "peak": peak_memory_bytes,
    }
    if how not in behaviours:
        raise RuntimeError("no such behaviour")
    return behaviours[how]()


@arguments
class Half:
    of: float


@arguments
class Request:
    path: Path
    pair: tuple[int, str]
    halves: list[Half]
    limits: dict[str, int | float]
    left_out: str | None = None


def receive(request: Request) -> list[str]:
    """Run in the child: say what has arrived."""
    return [type(request).__name__, repr(request)]


def give_back(request: Half) -> Half:
    """Run in the child."""
    return request


@pytest.fixture(autouse=True, params=["started", "forked"])
def importable(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    with warm_processes() if request.param == "forked" else contextlib.nullcontext():
        yield


def child(tmp_path: Path, how: str, **options: Any) -> Any:
    return call(
        f"{__name__}:behave",
        Behaviour(how, options.pop("value", None)),
        log=tmp_path / "child.log",
        **options,
    )


def test_a_document_arrives_as_what_it_was(tmp_path: Path) -> None:
    request = Request(tmp_path, (3, "three"), [Half(1.0), Half(0.5)], {"whole": 1, "part": 0.5})
    arrived = call(f"{__name__}:receive", request, log=tmp_path / "child.log").read(list[str])
    assert arrived == ["Request", repr(request)]


def test_an_argument_of_another_class_is_refused_by_the_child(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="failed with exit code 1") as caught:
        call(f"{__name__}:receive", Half(1.0), log=tmp_path / "child.log")
    assert "this is a bug of edgecnn: report it" in str(caught.value.hint)
    assert "path\n  Field required" in (tmp_path / "child.log").read_text()


def test_a_document_comes_back_as_what_it_was_even_where_numbers_are_not_finite(tmp_path: Path) -> None:
    sent = Half(math.inf)
    assert call(f"{__name__}:give_back", sent, log=tmp_path / "child.log").read(Half) == sent


def test_value_and_cost(tmp_path: Path) -> None:
    result = child(tmp_path, "return", value={"a": [1, 2.5, None, "ü"]})
    assert result.value == {"a": [1, 2.5, None, "ü"]}
    assert result.wall_s > 0
    assert result.cpu_s > 0
    assert result.peak_bytes > 1 << 20


def test_prints_go_to_the_log(tmp_path: Path) -> None:
    assert child(tmp_path, "chatter").value is None
    assert (tmp_path / "child.log").read_text() == "not JSON\nnor this\n"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("segfault", "crashed with SIGSEGV"),
        ("killed", "SIGKILL"),
        ("greed", "ran out of memory"),
        ("nonsense", "failed with exit code 1: RuntimeError: no such behaviour"),
        ("exit", "exit code 0"),
    ],
)
def test_death_is_named(tmp_path: Path, how: str, said: str) -> None:
    with pytest.raises(WorkerError) as caught:
        child(tmp_path, how)
    assert said in caught.value.message
    assert "test_process:behave" in caught.value.message
    assert "child.log" in (caught.value.hint or "")


def test_memory_limit(tmp_path: Path) -> None:
    assert child(tmp_path, "return", value=1, memory_bytes=4 << 30).value == 1
    with pytest.raises(WorkerError, match="ran out of memory"):
        child(tmp_path, "greed", memory_bytes=4 << 30)


def test_hang_is_ended(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"did not finish in 2 s and was stopped$"):
        child(tmp_path, "hang", timeout_s=2)


def test_a_child_whose_time_is_used_up_says_what_it_was_doing(tmp_path: Path) -> None:
    said = r"stopped while it was measuring layer two of six \(3 of 6 done\)$"
    with pytest.raises(WorkerError, match=said) as caught:
        child(tmp_path, "speak", timeout_s=3)
    assert "smaller network or fewer images" in (caught.value.hint or "")


def test_what_the_listener_of_progress_raises_ends_the_child_and_is_raised(tmp_path: Path) -> None:
    def time_is_up(done: int, total: int) -> None:
        del total
        if done == 3:
            raise TimeoutError("the search has no time left")

    with pytest.raises(TimeoutError, match="no time left"):
        call("tests.core.test_process:count", Total(100_000), log=tmp_path / "log", progress=time_is_up)


def test_error_of_ours_is_rebuilt(tmp_path: Path) -> None:
    with pytest.raises(BudgetMissed, match="3 is over 2") as caught:
        child(tmp_path, "refuse")
    assert caught.value.hint == "make it smaller"


def test_a_full_disk_is_a_fault_of_the_machine_and_no_bug(tmp_path: Path) -> None:
    with pytest.raises(MachineFault, match=r"^/data/model\.onnx: the disk is full$"):
        child(tmp_path, "full disk")


def test_peak_is_the_childs_own(tmp_path: Path) -> None:
    """A child of a big parent starts with the parent's peak in getrusage; ours must not."""
    ballast = np.ones(400 << 20, np.uint8)
    result = child(tmp_path, "peak")
    assert ballast.nbytes == 400 << 20
    assert result.value < 300 << 20
    assert result.peak_bytes < 300 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    script = (
        "import sys; from pathlib import Path; from test_process import Behaviour, call;"
        "call('test_process:behave', Behaviour('hang', sys.argv[1]), log=Path(sys.argv[2]))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(PROJECT)])
    command = [sys.executable, "-c", script, str(marker), str(tmp_path / "log")]
    parent = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
    deadline = time.monotonic() + 60
    while not (marker.is_file() and marker.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while _alive(int(marker.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(int(marker.read_text())), "the child outlived its parent"


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.is_file() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_log_tail_starts_where_asked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert log_tail(log) == ""
    log.write_text("before|after")
    assert log_tail(log, start=7) == "after"
    assert log_tail(log, 3) == "ter"


def test_death_without_a_word(tmp_path: Path) -> None:
    assert describe_death("x", 1, tmp_path / "none") == "x failed with exit code 1: it printed nothing"


def test_progress_arrives_in_order_and_all_of_it(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    child = call(
        "tests.core.test_process:count",
        Total(300),
        log=tmp_path / "log",
        progress=lambda done, total: told.append((done, total)),
    )
    assert child.value == "counted"
    assert told == [(done, 300) for done in range(1, 301)]


def test_a_child_that_dies_amid_its_progress_is_still_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="failed with exit code 1"):
        call("tests.core.test_process:count", Total(-1), log=tmp_path / "log", progress=lambda *_: None)
